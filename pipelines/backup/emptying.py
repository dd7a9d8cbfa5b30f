"""What lies where a restore would write: refused, or moved aside. Nothing is deleted."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from pipelines.backup.databases import Database
from pipelines.backup.places import ASIDE, files_of
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError

_STAY = {"locks", "local", "weights", "backup"}  # of this machine; locks are held meanwhile
_MOUNTED = (errno.EBUSY, errno.EXDEV)


def require_empty(home: Path, databases: Sequence[Database]) -> None:
    """Raises ConfigError naming the first thing that a restore would write over."""
    there = next((str(path) for path in files_of(home) if not path.is_dir()), "")
    there = there or next((d.where for d in databases if d.tables()), "")
    if there:
        raise ConfigError(
            "this deployment is not empty, and a restore would mix two",
            where=there,
            fix="restore into an empty home and empty databases, or give --over, which moves what "
            "is there aside",
        )


def set_aside(home: Path, databases: Sequence[Database], stamp: str) -> list[str]:
    """Move files and tables of a deployment out of the way; where they are now."""
    moved = [database.set_aside(stamp) for database in databases if database.tables()]
    for line in (home, *sorted((home / "lines").glob("*"))):
        moved += _emptied(line / "data", stamp)
        moved += _emptied(DeploymentPaths(home=line).artifacts, stamp)
    return moved + _emptied(home / "profiles", stamp)


def _emptied(folder: Path, stamp: str) -> list[str]:
    """Move what is in a folder into a hidden one in it: the folder itself may be a mount."""
    if not folder.is_dir():
        return []
    aside, moved = folder / f"{ASIDE}{stamp}", []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(ASIDE) or (folder.name == "artifacts" and path.name in _STAY):
            continue
        aside.mkdir(exist_ok=True)
        try:
            path.rename(aside / path.name)
        except OSError as err:
            if err.errno not in _MOUNTED or not path.is_dir():
                raise
            moved += _emptied(path, stamp)
    return [*moved, str(aside)] if aside.is_dir() and any(aside.iterdir()) else moved
