"""Scenes as somebody else names them, such as `S2_{unit}_{yyyymmdd}.tif`, in a drop's own layout.

A partner's folder is not renamed by hand: the profile says how its files are named
(`data.scene_layout`), and a drop is made of them under the names that drops have.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.data_config import LAYOUT_FIELDS
from pipelines.errors import DropError
from pipelines.shown import shown
from pipelines.weeks import Calendar

IMAGE_SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg")
_SHOWN = 3


@dataclass(frozen=True)
class Named:
    """What a file's name says."""

    unit: str
    day: date


class Layout:
    """How files below a folder of images are named.

    Args:
        layout: as data_config.check_layout allows: fields in braces, `*` is any text inside one
            name; without a suffix any image's.
        calendar: whose weeks {week} counts; a week's scene bears its first day.
    """

    def __init__(self, layout: str, calendar: Calendar) -> None:
        self.layout, self.calendar = layout, calendar
        parts = re.split(r"(\{[a-z]+\}|\*)", layout)
        pattern = "".join(_pattern(part) for part in parts)
        any_image = "" if Path(layout).suffix else r"\.(?:tiff?|png|jpe?g)"
        self._pattern = re.compile(pattern + any_image, re.IGNORECASE)

    def read(self, name: str) -> Named | None:
        """A file's, by its path below the folder; None if it is named otherwise, or no such day."""
        found = self._pattern.fullmatch(name)
        if found is None:
            return None
        try:
            return Named(found["unit"], self._day(found.groupdict()))
        except ValueError:
            return None

    def _day(self, said: Mapping[str, str]) -> date:
        if "date" in said:
            return date.fromisoformat(said["date"])
        if "yyyymmdd" in said:
            return date.fromisoformat(said["yyyymmdd"])
        year = int(said["year"])
        if "week" in said:
            if not self.calendar.has(year, int(said["week"])):
                raise ValueError("no such week")
            return self.calendar.week_start(self.calendar.number(year, int(said["week"])))
        return date(year, int(said["month"]), int(said.get("day", 1)))


def _pattern(part: str) -> str:
    if part == "*":
        return "[^/]*"
    name = part.strip("{}")
    return f"(?P<{name}>{LAYOUT_FIELDS[name]})" if part.startswith("{") else re.escape(part)


@contextmanager
def standard_layout(images: Path, layout: Layout, beside: Path) -> Iterator[Path]:
    """A folder of the same scenes as `<unit>/image_<date>.<suffix>`, gone afterwards.

    Files that are no images are left out, as partners' folders hold notes and world files.

    Args:
        beside: folder on whose file system it lies, so that files are linked and not copied.

    Raises:
        DropError: there is no such folder, an image is named otherwise, or two are of one unit and
            day.
    """
    names = _names(images, layout)
    beside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".layout-", dir=beside) as folder:
        for name, path in names.items():
            target = Path(folder) / "images" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(path, target)
        yield Path(folder) / "images"


def _names(images: Path, layout: Layout) -> dict[str, Path]:
    """Name in a drop -> file."""
    if not images.is_dir():
        raise DropError(
            "there is no images folder",
            where=str(images),
            fix="name the folder that the layout is seen from; unpack an archive first",
        )
    found: dict[str, Path] = {}
    other: list[str] = []
    for path in sorted(images.rglob("*")):
        if path.suffix.lower() not in IMAGE_SUFFIXES or not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(images).as_posix()
        said = layout.read(name)
        if said is None:
            other.append(name)
            continue
        target = f"{said.unit}/image_{said.day}{path.suffix.lower()}"
        if target in found:
            raise DropError(
                f"two scenes are of unit {shown(said.unit)} and day {said.day}",
                where=f"{shown(found[target].name)} and {shown(path.name)}",
                fix="leave out the one that is not to count",
            )
        found[target] = path
    if other:
        raise DropError(
            f"{len(other)} images are not named as data.scene_layout says ({layout.layout})",
            where=", ".join(map(shown, other[:_SHOWN])),
            fix="correct the layout, or move what is no scene out of the folder",
        )
    return found


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(path, target)
