"""Drops: immutable folders of data as received, one a date.

Layout: `<drops>/<received_date>/` holds drop.yaml, metadata.csv and, if there are scenes,
images/<municipality code>/image_<date>.{tiff,tif,png,jpg,jpeg}; `<drops>/<received_date>.scenes/`
holds drop.yaml and scenes alone (scene_drops.py).
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

import yaml

from pipelines.data.drop_info import INFO, DropInfo, read_info
from pipelines.data.filecache import FileCache
from pipelines.data.scene_observations import FILE as OBSERVATIONS
from pipelines.data.scene_observations import observations_of
from pipelines.errors import DropError
from pipelines.shown import shown as shown
from pipelines.storage import folder_id, manifest_of, new_folder, sha256_file

TABLE, IMAGES = "metadata.csv", "images"
SCENE_NAME = re.compile(r"image_([0-9]{4}-[0-9]{2}-[0-9]{2})\.(tiff?|png|jpe?g)", re.IGNORECASE)
_HOW_TO_MAKE = "make it with `denguard drop --table metadata.csv --images images`"


@dataclass(frozen=True)
class Drop:
    """A drop on disk."""

    path: Path
    info: DropInfo

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def table(self) -> Path:
        return self.path / TABLE

    def place(self, path: Path) -> str:
        """How a file of this drop is named to a person: "2018-12-04/metadata.csv"."""
        return shown(path.relative_to(self.path.parent).as_posix())

    def uri(self, path: Path) -> str:
        """A file's path relative to the data folder that holds the drops:
        "drops/2018-12-04/..."."""
        return path.relative_to(self.path.parent.parent).as_posix()


def read_drop(path: Path) -> Drop:
    """Read a drop's drop.yaml.

    Raises:
        DropError: no drop.yaml, one that is not valid, one that names another date than the
            folder, or a link in the drop.
    """
    file = path / INFO
    if path.is_symlink() or not path.is_dir():
        raise DropError("a drop must be a plain folder", where=str(path), fix=_HOW_TO_MAKE)
    if not file.is_file() or file.is_symlink():
        empty = not any(path.iterdir())
        what = "the drop is an empty folder" if empty else f"the drop has no {INFO}"
        raise DropError(what, where=shown(path.name), fix=f"remove the folder and {_HOW_TO_MAKE}")
    info = read_info(file)
    if info.folder_name != path.name:
        raise DropError(
            f"{INFO} says received_date {info.received_date}, edition {info.edition}"
            f"{', scenes alone' if info.scenes_alone else ''}, the folder is {shown(path.name)}",
            where=f"{shown(path.name)}/{INFO}",
            fix=f"name the folder {info.folder_name}",
        )
    drop = Drop(path, info)
    drop_files(drop)
    return drop


def survey_drops(
    drops_dir: Path, withdrawn: Collection[str] = ()
) -> tuple[list[Drop], list[DropError]]:
    """All drops by received_date but those withdrawn, and the errors of folders that are none.

    Args:
        withdrawn: names of folders that are passed over, whatever is in them.
    """
    drops, errors = [], []
    for path in sorted(drops_dir.iterdir()) if drops_dir.is_dir() else []:
        if path.name.startswith(".") or path.is_file() or path.name in withdrawn:
            continue  # half-made temp folders, and the .gitignore that DVC writes
        try:
            drops.append(read_drop(path))
        except DropError as err:
            errors.append(err)
    return sorted(drops, key=lambda d: (d.info.received_date, d.info.edition)), errors


def list_drops(drops_dir: Path) -> list[Drop]:
    """All drops by received_date. Raises DropError if there is none, or at the first that is not
    valid.
    """
    drops, errors = survey_drops(drops_dir)
    if errors:
        raise errors[0]
    if not drops:
        raise DropError("there is no drop", where=str(drops_dir), fix=_HOW_TO_MAKE)
    return drops


def drop_files(drop: Drop) -> list[Path]:
    """All files of a drop, sorted.

    Raises:
        DropError: a link, which could lead out of the drop; a pipe, socket or device, which would
            be waited for; a name that is not UTF-8, which no record could hold.
    """
    found = []
    for folder, folders, files in os.walk(drop.path, followlinks=False):
        for name in (*folders, *files):
            path = Path(folder) / name
            if what := _not_for_a_drop(path):
                raise DropError(
                    f"a drop may not hold {what}",
                    where=drop.place(path),
                    fix="put the file itself there, under a name in UTF-8",
                )
        found += [Path(folder) / name for name in files]
    return sorted(found)


def _not_for_a_drop(path: Path) -> str:
    """What an entry is, if it is neither a plain file nor a folder or cannot be named; else ""."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "links"
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return "pipes, sockets or devices"
    try:
        path.name.encode()
    except UnicodeEncodeError:
        return "file names that are not UTF-8"
    return ""


def drop_manifest(drop: Drop, cache_path: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every file of a drop, sorted; unchanged files are not
    read again."""
    cache = FileCache(cache_path)
    manifest = {}
    for path in drop_files(drop):
        facts = cache.get(path, "sha256")
        if facts is None:
            facts = {"sha256": sha256_file(path)}
            cache.put(path, "sha256", facts)
        manifest[path.relative_to(drop.path).as_posix()] = str(facts["sha256"])
    cache.save()
    return manifest


def drop_hash(drop: Drop, cache_path: Path) -> str:
    """Short content hash of a drop."""
    return folder_id(drop_manifest(drop, cache_path))


def check_unchanged(now: Mapping[str, str], accepted: Mapping[str, str]) -> list[DropError]:
    """Errors of accepted drops that are gone or have other content; both map name -> drop_hash."""
    fix = "restore the folder from its version; bring corrections as a new drop"
    return [
        DropError(
            f"an accepted drop {'has changed' if name in now else 'is gone'}, and drops never "
            "change",
            where=name,
            fix=fix,
        )
        for name in sorted(accepted)
        if now.get(name) != accepted[name]
    ]


def scene_files(folder: Path) -> Iterator[tuple[Path, re.Match[str] | None]]:
    """Files of an images folder, sorted, each with its name read as a scene's, or None."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_file():
            at_depth = len(path.relative_to(folder).parts) == 2
            yield path, SCENE_NAME.fullmatch(path.name) if at_depth else None


class Bring(Protocol):
    """Puts a new drop's files into an empty folder; see sources.Source.bring."""

    def __call__(self, to: Path, info: DropInfo, until: str | None) -> DropInfo | None: ...


def make_drop(
    bring: Bring,
    images: Path | None,
    drops_dir: Path,
    info: DropInfo,
    until: str | None = None,
    known: Collection[Path] = (),
) -> Path:
    """Make a new drop from files that lie apart; return its folder.

    The folder appears whole or not at all. The same content again is a no-op.

    Args:
        bring: of the profile's source: its files, into the drop's folder.
        images: folder of `<code>/image_<date>.<ext>`, or None.
        until: last week to keep, such as "2018-w48": later values, and scenes that were not
            available on received_date, are left out. None keeps all.
        known: files below `images` that are left out.

    Raises:
        DropError: a different drop of that date is there, or an input cannot be read.
        ConfigError: `until` is not a week.
    """
    final = drops_dir / info.folder_name
    with new_folder(final) as temp:
        written = bring(temp, info, until) or info
        if images is not None:
            taken = [p for p in taken_scenes(images, info, until) if p not in known]
            _copy_scenes(images, taken, temp)
        document = yaml.safe_dump(written.as_written(), sort_keys=True, allow_unicode=True)
        (temp / INFO).write_text(document, encoding="utf-8")
        if final.is_dir() and manifest_of(final) != manifest_of(temp):
            raise DropError(
                "a drop of that date is there with other content, and drops never change",
                where=final.name,
                fix=(
                    "give the new data its own received_date, or --edition 2 if they came later "
                    "on that day"
                ),
            )
    return final


def _copy_scenes(images: Path, taken: Sequence[Path], to: Path) -> None:
    """Copy scenes, and what the folder beside them tells of them."""
    names = [path.relative_to(images) for path in taken]
    for name in names:
        target = to / IMAGES / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(images / name, target)
    told = observations_of(images, names)
    if told and not (to / OBSERVATIONS).exists():  # an input of the place may be called so
        (to / OBSERVATIONS).write_text(told, encoding="utf-8", newline="")


def taken_scenes(images: Path, info: DropInfo, until: str | None) -> list[Path]:
    """Files of an images folder that a drop takes, sorted.

    Raises:
        DropError: there is no such folder, or it holds what no drop may hold.
    """
    if not images.is_dir():
        raise DropError(
            "there is no images folder",
            where=str(images),
            fix=(
                "name the folder that holds one folder a municipality code; unpack an archive first"
            ),
        )
    taken = []
    for path, named in scene_files(images):
        if what := _not_for_a_drop(path):
            raise DropError(
                f"a drop may not hold {what}",
                where=shown(str(path)),
                fix="copy the file itself, under a name in UTF-8",
            )
        if until is None or not named or _scene_known(named[1], info):
            taken.append(path)
    return taken


def _scene_known(day: str, info: DropInfo) -> bool:
    try:
        return info.scene_available(date.fromisoformat(day)) <= info.received_date
    except (ValueError, OverflowError):
        return True  # validation names it
