"""A disk without room, in words: which path, how much is free there, how much was needed."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import DenguardError, StoreError

FULL = (errno.ENOSPC, errno.EDQUOT)
# Said by libraries and other processes that keep the number to themselves: SQLite, DVC, torch.
_SAID = ("No space left on device", "Disk quota exceeded", "disk is full")
_DEEPEST = 10  # causes that are looked at
_NEARLY_BYTES = 64 << 20  # with less a disk counts as the one that is meant
_FIX = (
    "make room there (denguard prune lists what nothing needs any more), or let another disk hold "
    "it; then try again, it goes on where it stopped"
)


def is_full(err: BaseException) -> bool:
    """Whether a disk without room is behind an error."""
    return any(
        (isinstance(one, OSError) and one.errno in FULL) or any(s in str(one) for s in _SAID)
        for one in _chain(err)
    )


def full_disk(path: Path, need_bytes: int | None = None) -> StoreError:
    """The error for a path whose disk has no room.

    Args:
        need_bytes: what was to be written, if that is known.
    """
    needed = "" if need_bytes is None else f", {_size(need_bytes)} are needed"
    return StoreError(f"the disk is full: {free_words(path)}{needed}", where=str(path), fix=_FIX)


def in_words(err: Exception, candidates: Sequence[Path]) -> Exception:
    """The error for a full disk, if one is behind this error; else the error itself.

    Args:
        candidates: folders that may be meant where the error names none, beside that for temporary
            files; the one with the least room is named, if it has next to none.
    """
    if not is_full(err) or (isinstance(err, StoreError) and err.fix == _FIX):
        return err
    named = next(filter(None, map(_named_path, _chain(err))), None)
    if named is not None:
        return full_disk(named)
    fullest = min((*candidates, Path(tempfile.gettempdir())), key=_free_bytes)
    if _free_bytes(fullest) < _NEARLY_BYTES or not isinstance(err, DenguardError):
        return full_disk(fullest)
    return err  # of another machine: what it says is all that is known here


@contextmanager
def room_for(path: Path, need_bytes: int | None = None) -> Iterator[None]:
    """Name the path, and what is needed, if the disk is full while the block runs.

    Raises:
        StoreError: it is.
    """
    try:
        yield
    except OSError as err:
        if err.errno not in FULL:
            raise
        raise full_disk(path, need_bytes) from err


def require_room(folder: Path, need_bytes: int) -> None:
    """Raise StoreError if a folder's disk has less room than so many bytes."""
    if _free_bytes(folder) < need_bytes:
        raise full_disk(folder, need_bytes)


def free_words(path: Path) -> str:
    """How much room a path's disk has, in words."""
    found = os.statvfs(_nearest(path))
    if found.f_files and not found.f_favail:
        return "it can hold no more files"
    return f"{_size(found.f_bavail * found.f_frsize)} are free"


def _free_bytes(path: Path) -> int:
    found = os.statvfs(_nearest(path))
    return found.f_bavail * found.f_frsize


def _nearest(path: Path) -> Path:
    """The path, or what is there of it."""
    return next((one for one in (path, *path.absolute().parents) if one.exists()), Path("/"))


def _named_path(err: BaseException) -> Path | None:
    """The file or folder of this machine that an error names, or None."""
    named = err.where if isinstance(err, DenguardError) else getattr(err, "filename", None)
    if not isinstance(named, str) or not named.startswith("/"):
        return None
    return Path(named)


def _chain(err: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = err
    for _ in range(_DEEPEST):
        if one is None:
            return
        yield one
        one = one.__cause__ or one.__context__


def _size(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
