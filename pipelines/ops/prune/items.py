"""One thing that goes, and looking into folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.config import DeploymentPaths


@dataclass(frozen=True)
class Item:
    """One thing that goes.

    Attributes:
        room: the kind of thing, for people.
        name: path relative to home, or the id of a version.
        bytes: of its files; a file that others hold by a hard link frees its room with the last
            one.
    """

    room: str
    name: str
    bytes: int
    why: str


def size_of(path: Path) -> int:
    """Bytes of a file, or of every file below a folder."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(p.lstat().st_size for p in path.rglob("*") if p.is_symlink() or not p.is_dir())


def item(paths: DeploymentPaths, room: str, path: Path, why: str) -> Item:
    """An item of this home."""
    return Item(room, path.relative_to(paths.home).as_posix(), size_of(path), why)


def entries(folder: Path) -> list[Path]:
    """What lies directly in a folder, by name; what a writer has not finished is left out."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if not path.name.startswith(".")]
