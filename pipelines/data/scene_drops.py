"""Drops of scenes alone: no table, and no scene that an earlier drop has as it is.

What they leave out stays as it was: neither counts nor scenes of earlier drops are withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import IMAGES, Drop, drop_manifest, make_drop, taken_scenes
from pipelines.errors import DropError
from pipelines.storage import sha256_file


def make_scenes_drop(
    images: Path,
    drops_dir: Path,
    info: DropInfo,
    before: Sequence[Drop],
    cache_path: Path,
    until: str | None = None,
) -> Path | None:
    """Make a drop of what is new in a folder of scenes; its folder, or None if nothing is new.

    A scene is new if no drop has a file of its unit and day, or the newest that has one has
    another. The same call again is a no-op.

    Args:
        before: the drops that are here, oldest first.
        cache_path: as of drops.drop_manifest.
        until: as of drops.make_drop.

    Raises:
        DropError: there is no scene, or as of drops.make_drop.
    """
    info = info.model_copy(update={"scenes_alone": True})
    taken = taken_scenes(images, info, until)
    if not taken:
        raise DropError(
            "the folder holds no scene",
            where=str(images),
            fix="name a folder of <code>/image_<date>.tiff, .png or .jpg",
        )
    held = _held(before, info.folder_name, cache_path)
    known = {path for path in taken if held.get(_name(path, images)) == sha256_file(path)}
    if len(known) == len(taken):
        return None
    return make_drop(_no_table, images, drops_dir, info, until, known)


def _held(before: Sequence[Drop], own: str, cache_path: Path) -> dict[str, str]:
    """A scene's place in a drop -> hash of the newest drop's, of all drops but the one that is
    made."""
    held: dict[str, str] = {}
    for drop in before:
        if drop.name != own:
            held |= drop_manifest(drop, cache_path)
    return held


def _name(path: Path, images: Path) -> str:
    return f"{IMAGES}/{path.relative_to(images).as_posix()}"


def _no_table(to: Path, info: DropInfo, until: str | None) -> None:
    """Bring nothing."""
