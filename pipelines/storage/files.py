"""Files and folders of this machine, written atomically and named by their content.

A write that is done outlasts a power cut.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from pipelines.errors import StoreError
from pipelines.storage.room import room_for

_CHUNK_BYTES = 1 << 20
_MOST_SYNCED_ONE_BY_ONE = (
    64  # some milliseconds each; beyond, the whole machine's are written at once
)
_CANNOT_SYNC = {
    errno.EINVAL,
    errno.ENOTSUP,
    errno.EBADF,
}  # network file systems that sync no folder


# Folders whose files are synced all at once later, or that nobody keeps.
_synced_later: ContextVar[tuple[Path, ...]] = ContextVar("synced_later", default=())


def digests(path: Path, kinds: Iterable[str]) -> dict[str, str]:
    """Kind of hash, as hashlib names it -> hex digest of a file's bytes, read once in pieces."""
    found = {kind: hashlib.new(kind, usedforsecurity=False) for kind in kinds}
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK_BYTES):
            for digest in found.values():
                digest.update(chunk)
    return {kind: digest.hexdigest() for kind, digest in found.items()}


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    return digests(path, ["sha256"])["sha256"]


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk: until then a rename in it may be lost with the
    power."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return  # written to and not to be looked into: no program can do more
    try:
        os.fsync(handle)
    except OSError as err:
        if err.errno not in _CANNOT_SYNC:
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Bring every file and folder below a folder to the disk, and the folder itself."""
    inside = sorted(folder.rglob("*"), reverse=True)  # what is deeper comes first
    if len(inside) > _MOST_SYNCED_ONE_BY_ONE:
        sync_all()
        return
    for path in inside:
        if path.is_dir() and not path.is_symlink():
            sync_folder(path)
        elif path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_folder(folder)


def sync_all() -> None:
    """Bring all that was written on this machine to its disks: for what another program wrote."""
    os.sync()


def _make(folder: Path) -> list[Path]:
    """Make a folder with its parents; those that hold it or a new parent now."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [folder, *(path.parent for path in new)]


def write_atomic(
    path: Path, data: bytes | str, mode: int = 0o644, owner: tuple[int, int] | None = None
) -> Path:
    """Write a whole file or nothing: temp file in the same folder, fsync, rename, fsync of the
    folder.

    Args:
        mode: permissions that it has from the moment that it is seen.
        owner: user and group id that it is given, which only root may; None = whoever writes.
    """
    raw = data.encode("utf-8") if isinstance(data, str) else data
    with room_for(path, len(raw)):
        return _write(path, raw, mode, owner)


def _write(path: Path, raw: bytes, mode: int, owner: tuple[int, int] | None) -> Path:
    changed = _make(path.parent)
    later = any(path.is_relative_to(folder) for folder in _synced_later.get())
    handle, temp = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(raw)
            out.flush()
            if not later:
                os.fsync(out.fileno())
        Path(temp).chmod(mode)
        if owner is not None:
            os.chown(temp, *owner)
        Path(temp).replace(path)
    finally:
        Path(temp).unlink(missing_ok=True)  # there only if something went wrong
    for folder in () if later else changed:
        sync_folder(folder)
    return path


@contextmanager
def synced_later(folder: Path) -> Iterator[None]:
    """Within the block, what is written below a folder is not brought to the disk file by file: all
    of it is later, or the folder is a scratch one that nobody keeps."""
    token = _synced_later.set((*_synced_later.get(), folder))
    try:
        yield
    finally:
        _synced_later.reset(token)


def write_json(path: Path, value: object) -> Path:
    """Write JSON atomically: sorted keys, NaN refused, so that equal values are equal bytes."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return write_atomic(path, text + "\n")


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object. Raises StoreError naming the file if it is absent or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as err:
        raise StoreError(
            "a file that an earlier step writes is absent",
            where=str(path),
            fix="run the earlier step again",
        ) from err
    except (ValueError, RecursionError) as err:
        raise StoreError(
            "a JSON file is damaged", where=str(path), fix="delete it and run the step again"
        ) from err
    if not isinstance(value, dict):
        raise StoreError(
            "a JSON file does not hold an object",
            where=str(path),
            fix="delete it and run the step again",
        )
    return value


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Yield a temp folder beside `final` that becomes `final` on success, whole or not at all.

    All that is in it is on the disk before it is seen under that name.
    If `final` appeared meanwhile (another run made the same content), it is kept as it is.
    """
    with room_for(final):
        yield from _new_folder(final)


def _new_folder(final: Path) -> Iterator[Path]:
    changed = _make(final.parent)
    temp = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}."))
    try:
        with synced_later(temp):
            yield temp
        temp.chmod(0o755)
        sync_tree(temp)
        try:
            temp.rename(final)
        except OSError as err:
            if not final.is_dir():
                raise StoreError(
                    f"a folder could not be put in place: {err}",
                    where=str(final),
                    fix="check disk and permissions",
                ) from err
        for folder in changed:
            sync_folder(folder)
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def discard(folder: Path) -> None:
    """Delete a folder, out of sight first, so that no half of it is ever seen under its name."""
    away = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(away, ignore_errors=True)
    if folder.is_dir():
        folder.rename(away)
        shutil.rmtree(away, ignore_errors=True)


def manifest_of(folder: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every file below a folder, sorted."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): sha256_file(p) for p in files}


def folder_id(manifest: dict[str, str]) -> str:
    """Short content hash of a folder from its manifest."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
