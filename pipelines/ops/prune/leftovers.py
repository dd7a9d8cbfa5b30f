"""Leftovers of killed writers: `.name.xxxxxxxx` files and folders that nobody will finish."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.embed.base import weights_cache
from pipelines.embed.compiled import CONVERTED
from pipelines.ops.prune.items import Item, item

AWAY = "pruned"  # what is being deleted is called .<name>.pruned first
_DAY = timedelta(days=1)
_OURS = re.compile(rf"\.(.+\.([a-z0-9_]{{8}}|partial|old|{AWAY})|(fetch|layout)-[a-z0-9_]{{8}})")
_RUN_AWAY = re.compile(rf"\.[0-9a-f]{{32}}\.{AWAY}")  # files of a run of MLflow that went
_NOT_OURS = {"mlflow", "local", "weights", "locks"}  # rooms that other programs fill
_GIVEN = ("drops", "answers", "withdrawn")  # below data/: each file or folder in there is whole
_WHOLE = {"versions", "remote"}  # only directly in there: below lie files under the names of drops


def leftovers(paths: DeploymentPaths, clock: datetime) -> list[Item]:
    """Begun files and folders that were not written to for a day, and halves of an earlier
    prune."""
    return [
        item(paths, "leftovers", path, _why(path))
        for path in sorted(_begun(paths))
        if _is_over(path, clock)
    ]


def is_begun(name: str) -> bool:
    """Whether a file or folder of this name is one that its writer has not finished."""
    return _OURS.fullmatch(name) is not None


def _begun(paths: DeploymentPaths) -> Iterator[Path]:
    yield from (path for room in _GIVEN for path in _ours(paths.data / room))
    yield from _ours(paths.artifacts)
    yield from _ours(weights_cache(paths) / CONVERTED)
    halves = (paths.artifacts / "mlflow").rglob(f".*.{AWAY}")
    yield from (path for path in halves if _RUN_AWAY.fullmatch(path.name))
    rooms = [
        room for room in paths.artifacts.glob("[!.]*") if room.is_dir() and not room.is_symlink()
    ]
    for room in rooms:
        if room.name in _WHOLE:
            yield from _ours(room)
            yield from _ours(room / "versions")
        elif room.name not in _NOT_OURS:
            yield from _below(room)


def _below(folder: Path) -> Iterator[Path]:
    yield from _ours(folder)
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and not path.name.startswith("."):
            yield from _below(path)


def _ours(folder: Path) -> Iterator[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return (path for path in found if is_begun(path.name))


def _is_over(path: Path, clock: datetime) -> bool:
    if path.name.endswith(f".{AWAY}"):
        return True  # nobody but a prune that was cut off makes these
    there = [path, *path.rglob("*")] if path.is_dir() else [path]
    return max(one.lstat().st_mtime for one in there) < (clock - _DAY).timestamp()


def _why(path: Path) -> str:
    return (
        "a prune was cut off"
        if path.name.endswith(f".{AWAY}")
        else "begun more than a day ago and never finished"
    )
