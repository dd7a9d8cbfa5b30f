"""One file from elsewhere: gathered piece by piece, and in place only when it is verified.

What has arrived lies in a part file, and a call that was cut off goes on there. Two writers of one
part would mix, so whoever gathers holds a lock.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import DenguardError
from pipelines.storage.files import digests, sync_folder
from pipelines.storage.room import FULL, free_words

_PIECE_BYTES = 4 << 20
_SPARE_BYTES = 16 << 20  # left free on the disk


@dataclass(frozen=True)
class Wanted:
    """One file that is to be here.

    Attributes:
        name: relative path.
        size: bytes, None if nobody recorded them.
        hashes: kind of hash, as hashlib names it -> hex digest.
    """

    name: str
    size: int | None
    hashes: Mapping[str, str]

    def fits(self, path: Path) -> bool:
        """Whether a local file is this one. Reads it whole if its size is right."""
        if path.is_symlink() or not path.is_file():
            return False
        if self.size is not None and path.stat().st_size != self.size:
            return False
        return digests(path, self.hashes) == self.hashes

    def left(self, part: Path) -> int:
        """Bytes that a part file lacks, as far as the size is known."""
        return max(0, (self.size or 0) - here(part))


@dataclass(frozen=True)
class Disk:
    """What a caller says when this machine's disk does not take what it brings.

    Attributes:
        error: the caller's kind of error.
        elsewhere: what else a person can do, as in "pull to another"; "disk" or "folder" follows.
        again: how the work is gone on with.
    """

    error: type[DenguardError]
    elsewhere: str
    again: str

    def require_room(self, to: Path, name: str, sizes: Collection[int]) -> None:
        """Raise the caller's error if the disk of `to` has no room for files of these bytes."""
        needed, free = sum(sizes), shutil.disk_usage(to).free
        if sizes and free < needed + _SPARE_BYTES:
            raise self.error(
                f"{name} needs {needed >> 20} MB more and the disk has {free >> 20} MB free",
                where=str(to),
                fix=f"make room or {self.elsewhere} disk; {self.again}",
            )

    def refusal(self, err: OSError, to: Path) -> DenguardError:
        """The caller's error for what the disk or folder refuses."""
        where = str(err.filename or to)
        if err.errno in (*FULL, errno.EFBIG):
            fix = f"make room or {self.elsewhere} disk; {self.again}"
            return self.error(f"the disk is full: {free_words(to)}", where=where, fix=fix)
        return self.error(
            f"this folder does not take the files: {err.strerror or err}",
            where=where,
            fix=f"check its path and permissions, or {self.elsewhere} folder",
        )


def here(part: Path) -> int:
    """Bytes of a part file; 0 if there is none."""
    return part.stat().st_size if part.is_file() else 0


def gather(
    read: Callable[[int, int], bytes],
    wanted: Wanted,
    part: Path,
    damaged: DenguardError,
    arrived: Callable[[int], None] = lambda _: None,
) -> None:
    """Have a file's verified bytes at `part`, going on with what an earlier call left there.

    Args:
        read: bytes [start, stop) of the file, at least one of them; none if it ends before.
        wanted: its size must be known.
        damaged: raised if the bytes are not the wanted ones; nothing is left at `part` then.
        arrived: called with how many bytes are here, after each piece.
    """
    size = wanted.size or 0
    if part.is_symlink() or here(part) > size:
        part.unlink()
    part.parent.mkdir(parents=True, exist_ok=True)
    for begun in (here(part), 0):  # what was left may be wrong: then once more from the start
        if begun < size or not part.exists():
            _append(read, part, size, arrived)
        if wanted.fits(part):
            return
        part.unlink()
        if not begun:
            raise damaged


def move_into_place(part: Path, target: Path, mode: int | None = None) -> None:
    """Give a verified file its name: its bytes are on the disk before, its name when this ends."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    if mode is not None:
        part.chmod(mode)
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    sync_folder(target.parent)


def _append(
    read: Callable[[int, int], bytes], part: Path, size: int, arrived: Callable[[int], None]
) -> None:
    with part.open("ab", buffering=0) as out:  # unbuffered: what arrived survives a kill
        while (at := out.tell()) < size:
            piece = read(at, min(at + _PIECE_BYTES, size))
            if not piece:
                return  # shorter than recorded: verification says so
            out.write(piece[: size - at])  # a store may send more than was asked
            arrived(out.tell())
