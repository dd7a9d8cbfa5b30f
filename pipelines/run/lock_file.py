"""The file of a deployment's lock, artifacts/locks/cycle.json: which run holds it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Literal

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.run.progress import clock_time
from pipelines.storage import read_json, write_json
from pipelines.storage.lock import locked

log = logging.getLogger(__name__)
Caller = Literal["airflow", "hand"]
_GUARD_TIMEOUT_S = 60.0  # the guard is held for milliseconds


@dataclass(frozen=True)
class LockOwner:
    """Who is at work: `since` taken, `touched` when its newest step began (ISO, UTC)."""

    run_id: str
    caller: Caller
    pid: int
    since: str
    touched: str
    step: str = ""

    def words(self, zone: tzinfo = UTC) -> str:
        """Who, since when (by this clock) and where it is, for people."""
        by = "by Airflow" if self.caller == "airflow" else f"by hand, process {self.pid}"
        at = f", at step {self.step}" if self.step else ""
        return (
            f"run {self.run_id} ({by}, since "
            f"{clock_time(datetime.fromisoformat(self.since), zone)}{at})"
        )

    def silent_since(self, now: datetime) -> timedelta:
        """Time since its newest step began."""
        return now - datetime.fromisoformat(self.touched)


@contextmanager
def guarded(paths: DeploymentPaths) -> Iterator[Path]:
    """Nobody else reads or writes it meanwhile. Raises StoreError if somebody hangs
    in it."""
    folder = locks_folder(paths)
    busy = StoreError(
        "another process holds the guard of the run lock",
        where=str(folder / "guard.lock"),
        fix="find the process that hangs and end it, then run the step again",
    )
    with locked(folder / "guard.lock", _GUARD_TIMEOUT_S, busy):
        yield folder


def locks_folder(paths: DeploymentPaths) -> Path:
    """artifacts/locks"""
    return paths.artifacts / "locks"


def lock_file(folder: Path) -> Path:
    """The file itself."""
    return folder / "cycle.json"


def hand_file(folder: Path) -> Path:
    """The operating system's lock beside it, of a run by hand."""
    return folder / "hand.lock"


def read_owner(folder: Path) -> LockOwner | None:
    """Who took the lock last, at work or not; None if nobody has it."""
    path = lock_file(folder)
    if not path.is_file():
        return None
    try:
        owner = LockOwner(**read_json(path))  # type: ignore[arg-type]
        owner.silent_since(datetime.now(UTC))
    except (StoreError, TypeError, ValueError):
        log.warning("%s is damaged; nobody counts as its owner", path)
        return None
    return owner


def write_owner(folder: Path, owner: LockOwner) -> None:
    """Write it, atomically; the guard is held."""
    write_json(lock_file(folder), asdict(owner))


def stamp() -> str:
    """Now, as the file says it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def taken_by_hand(run_id: str) -> LockOwner:
    """This process as the owner."""
    return LockOwner(run_id, "hand", os.getpid(), stamp(), stamp())
