"""Secrets, kept apart from the backups: one file, written to another place, closed to others."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from pipelines.backup.places import stays_inside
from pipelines.backup.sealing import seal, unseal
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError
from pipelines.storage import write_atomic
from pipelines.storage.remote import require_readable

_NAME = "denguard-keys"  # bound to the encryption, whatever the file is called
_NOT_HELD = {"backup_key"}  # what opens the file does not lie in it
_LOCAL = ("secrets.json", "api_key")


def write_keys(
    paths: DeploymentPaths, deployment: Path, to: Path, vault: str, name: str, key: bytes | None
) -> Path:
    """Write the secrets of a deployment: its folder secrets/, .env, and what `make up` made.

    Args:
        deployment: folder that holds secrets/ and .env.
        vault: address of the backups, "" if it is not known here.
        to: folder of the file; name: of the backup that it belongs to.
        key: encrypts it; None leaves it readable for whoever has the file.

    Raises:
        ConfigError: `to` is where the backups are, or there are no secrets to write.
    """
    if vault and "://" not in vault and to.resolve().is_relative_to(Path(vault).resolve()):
        raise ConfigError(
            "keys beside what they open protect nothing",
            where=str(to),
            fix="name another disk for --with-keys",
        )
    found = _found(paths, deployment)
    if not found:
        raise ConfigError(
            "there are no secrets here",
            where=str(deployment),
            fix="run the command where secrets/ and .env lie, or name that folder with --secrets",
        )
    raw = _packed(found)
    file = to / f"keys-{name}.tar{'' if key is None else '.sealed'}"
    write_atomic(file, raw if key is None else b"".join(seal([raw], key, _NAME)))
    file.chmod(0o600)
    return file


def open_keys(file: Path, to: Path, key: bytes | None) -> list[str]:
    """Write the secrets of a file below a folder; names of what was written.

    Raises:
        ConfigError: it is encrypted and no key is given, or something of that name is there.
        StoreError: another key, or damage.
    """
    require_readable(file.stat().st_size, str(file))
    raw = file.read_bytes()
    if file.suffix == ".sealed":
        if key is None:
            raise ConfigError("these keys are encrypted", where=str(file), fix="give --key-file")
        raw = b"".join(unseal([raw], key, _NAME))
    files = _unpacked(raw, file)
    for name in files:
        if (to / name).exists():
            raise ConfigError(
                "keys are there already", where=str(to / name), fix="move them away first"
            )
    for name, (content, mode) in files.items():
        write_atomic(to / name, content)
        (to / name).chmod(mode)
        if "/" in name:
            (to / name).parent.chmod(0o700)
    return sorted(files)


def _found(paths: DeploymentPaths, deployment: Path) -> dict[str, Path]:
    folder = deployment / "secrets"
    given = sorted(folder.iterdir()) if folder.is_dir() else []
    found = {
        f"secrets/{path.name}": path
        for path in given
        if path.is_file() and path.name not in _NOT_HELD
    }
    local = (paths.root or paths.home) / "artifacts" / "local"
    found |= {f"artifacts/local/{name}": local / name for name in _LOCAL}
    found[".env"] = deployment / ".env"
    return {name: path for name, path in found.items() if path.is_file()}


def _packed(files: dict[str, Path]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed:
        for name, path in files.items():
            raw, entry = path.read_bytes(), tarfile.TarInfo(name)
            entry.size, entry.mode = len(raw), path.stat().st_mode & 0o777
            packed.addfile(entry, io.BytesIO(raw))
    return out.getvalue()


def _unpacked(raw: bytes, file: Path) -> dict[str, tuple[bytes, int]]:
    found: dict[str, tuple[bytes, int]] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(raw)) as packed:
            for entry in packed:
                handle = packed.extractfile(entry) if entry.isfile() else None
                if handle is None or not stays_inside(entry.name):
                    raise tarfile.TarError(f"{entry.name} does not belong into it")
                found[entry.name] = (handle.read(), entry.mode & 0o777)
    except tarfile.TarError as err:
        raise StoreError(
            f"this is no file of keys: {err}", where=str(file), fix="take another copy of it"
        ) from err
    return found
