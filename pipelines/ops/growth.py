"""How much room a deployment takes, by kind of thing, and how much more each week."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.words import counted

_WEEKS = 8  # that the growth is measured over, at most
_WEEK_S = timedelta(weeks=1).total_seconds()
_SHOWN = 4  # rooms in the line


@dataclass(frozen=True)
class Growth:
    """Bytes on this disk; a file with several hard links counts once, in the first room by name.

    Attributes:
        rooms: "data", or a folder of artifacts/ -> bytes.
        per_week: bytes that stayed of what runs wrote after the first of the newest weeks; None
            before a second run.
        weeks: that it was measured over.
    """

    rooms: dict[str, int]
    per_week: float | None
    weeks: float

    @property
    def bytes(self) -> int:
        """Of all rooms."""
        return sum(self.rooms.values())

    def line(self) -> str:
        """For people: how much now, of what, and what a year adds at this pace."""
        largest = sorted(self.rooms, key=lambda room: -self.rooms[room])[:_SHOWN]
        parts = ", ".join(f"{room} {spell_bytes(self.rooms[room])}" for room in largest)
        if self.per_week is None:
            return f"{spell_bytes(self.bytes)} ({parts}); growth is known after a second run"
        return (
            f"{spell_bytes(self.bytes)} ({parts}); {spell_bytes(self.per_week)} more a week, "
            f"{spell_bytes(52 * self.per_week)} a year without `denguard prune` (last "
            f"{counted(round(self.weeks), 'week')})"
        )


def growth(paths: DeploymentPaths) -> Growth:
    """Look at every file's size and time; reads none."""
    ends = sorted(_ended(paths))
    since = _window(ends)
    rooms: dict[str, int] = {}
    new, seen = 0, set()
    for room, path in _files(paths):
        facts = path.lstat()
        if (facts.st_dev, facts.st_ino) in seen:
            continue
        seen.add((facts.st_dev, facts.st_ino))
        rooms[room] = rooms.get(room, 0) + facts.st_size
        new += facts.st_size if since is not None and since < facts.st_mtime <= ends[-1] else 0
    if since is None:
        return Growth(rooms, None, 0.0)
    weeks = max((ends[-1] - since) / _WEEK_S, 1.0)
    return Growth(rooms, new / weeks, weeks)


def _ended(paths: DeploymentPaths) -> Iterator[float]:
    """When each finished run wrote its last record."""
    return (path.stat().st_mtime for path in (paths.artifacts / "runs").glob("[!.]*/report.json"))


def _window(ends: list[float]) -> float | None:
    """The end of a run after which growth is measured: the first one, or one of eight weeks ago."""
    if len(ends) < 2:
        return None
    return next(end for end in ends if end >= ends[-1] - _WEEKS * _WEEK_S - 1 or end == ends[-2])


def _files(paths: DeploymentPaths) -> Iterator[tuple[str, Path]]:
    rooms = (
        sorted(p for p in paths.artifacts.iterdir() if p.is_dir())
        if paths.artifacts.is_dir()
        else []
    )
    for name, folder in (("data", paths.data), *((room.name, room) for room in rooms)):
        for at, _, files in os.walk(folder):
            yield from ((name, Path(at, file)) for file in files)


def spell_bytes(size: float) -> str:
    """Bytes for people, in decimal units."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size:.0f} B"
