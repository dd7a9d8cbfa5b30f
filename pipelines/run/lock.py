"""One run at a time: the lock on a deployment, artifacts/locks/cycle.json (run/lock_file.py).

A run by hand is one process: it holds an operating system's lock beside that file, which the kernel
frees whatever ends the process, kill -9 and power cuts included, and whose process ids need no
trust. A run by Airflow is many processes, perhaps on many machines: its lock is renewed by every
step, freed when the DAG run ends, and counts as abandoned after SILENT_AFTER. Airflow itself runs
one DAG run at a time, so that one of its runs may follow another whose end went unheard. The clock
here judges silence; no result depends on it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.config import DeploymentPaths
from pipelines.errors import BusyError
from pipelines.run.lock_file import (
    Caller,
    LockOwner,
    guarded,
    hand_file,
    lock_file,
    locks_folder,
    read_owner,
    stamp,
    taken_by_hand,
    write_owner,
)

log = logging.getLogger(__name__)
SILENT_AFTER = timedelta(hours=13)  # the longest task may take 12 h
_POLL_S = 2.0
_caller: ContextVar[Caller] = ContextVar("caller", default="hand")
_held: dict[Path, str] = {}  # locks folder -> run that this process holds by hand


@contextmanager
def by_airflow() -> Iterator[None]:
    """Steps called while this holds belong to a run that Airflow runs in many processes."""
    token = _caller.set("airflow")
    try:
        yield
    finally:
        _caller.reset(token)


@contextmanager
def during(paths: DeploymentPaths, run_id: str, step: str) -> Iterator[None]:
    """Surround one step: renew its run's lock; a step called alone takes it and gives it back.

    Raises:
        BusyError: another run is at work.
    """
    if _caller.get() == "airflow":
        with guarded(paths) as folder:
            _take_for_airflow(folder, run_id, step)
        yield
    elif _held.get(locks_folder(paths)) == run_id:
        with guarded(paths) as folder:
            write_owner(
                folder,
                replace(read_owner(folder) or taken_by_hand(run_id), touched=stamp(), step=step),
            )
        yield
    else:
        with hold(paths, run_id):
            yield


@contextmanager
def hold(paths: DeploymentPaths, run_id: str, wait: bool = False) -> Iterator[None]:
    """Hold the lock by hand, in this process, until the block ends.

    Args:
        wait: wait for another run to end, at most SILENT_AFTER and an hour, instead of refusing.

    Raises:
        BusyError: another run is at work, or another process is at this very run.
    """
    mine = _taken(paths, run_id, wait)
    _held[locks_folder(paths)] = run_id
    try:
        yield
    finally:
        del _held[locks_folder(paths)]
        with guarded(paths) as folder:
            if (owner := read_owner(folder)) is not None and owner.caller == "hand":
                lock_file(folder).unlink(missing_ok=True)
            mine.release()


def holder(paths: DeploymentPaths, now: datetime | None = None) -> LockOwner | None:
    """Who is at work, or None. A process that died or a silent Airflow run holds nothing."""
    at = now or datetime.now(UTC)
    owner = read_owner(locks_folder(paths))
    if owner is None:
        return None
    if not os.access(locks_folder(paths), os.W_OK):  # who only looks on can lock nothing
        return None if owner.caller == "airflow" and _is_silent(owner, at) else owner
    with guarded(paths) as folder:
        return _active_owner(folder, at)


def left_behind(paths: DeploymentPaths) -> LockOwner | None:
    """Who left the lock without giving it back, None if it is free or held."""
    return None if holder(paths) else read_owner(locks_folder(paths))


def release(paths: DeploymentPaths, run_id: str) -> bool:
    """Free the lock that a run holds through Airflow, or left behind; return whether it had it.

    Raises:
        BusyError: a living process holds it: ending that process frees it.
    """
    if read_owner(locks_folder(paths)) is None:
        return False
    with guarded(paths) as folder:
        owner = read_owner(folder)
        if owner is None or owner.run_id != run_id:
            return False
        if owner.caller == "hand" and _hand_lives(folder):
            raise BusyError(
                f"{owner.words()} is alive",
                where=str(lock_file(folder)),
                fix=f"end process {owner.pid}, which frees the lock",
            )
        lock_file(folder).unlink(missing_ok=True)
    return True


def _taken(paths: DeploymentPaths, run_id: str, wait: bool) -> FileLock:
    """The lock, once it is ours; polls while `wait`."""
    deadline = time.monotonic() + (SILENT_AFTER + timedelta(hours=1)).total_seconds()
    logged = False
    while True:
        try:
            with guarded(paths) as folder:
                return _take_by_hand(folder, run_id)
        except BusyError as busy:
            if not wait or time.monotonic() > deadline:
                raise
            if not logged:
                log.info("waiting: %s", busy.what)
                logged = True
            time.sleep(_POLL_S)


def _take_by_hand(folder: Path, run_id: str) -> FileLock:
    active = _active_owner(folder, datetime.now(UTC))
    if active is not None:
        raise _busy(folder, active)
    # Not storage.lock: it outlives this call, and others probe it to see whether its owner lives.
    mine = FileLock(hand_file(folder), timeout=0)
    mine.acquire()  # nobody else can: the guard is held, and _active_owner saw it free
    write_owner(folder, taken_by_hand(run_id))
    return mine


def _take_for_airflow(folder: Path, run_id: str, step: str) -> None:
    active = _active_owner(folder, datetime.now(UTC))
    if active is not None and active.caller == "hand":
        raise _busy(folder, active)
    goes_on = active is not None and active.run_id == run_id
    if active is not None and not goes_on:
        log.warning(
            "%s did not release the lock; Airflow runs one at a time, so it is over",
            active.words(),
        )
    since = active.since if active is not None and goes_on else stamp()
    write_owner(folder, LockOwner(run_id, "airflow", os.getpid(), since, stamp(), step))


def _active_owner(folder: Path, now: datetime) -> LockOwner | None:
    """Who holds the lock and is at work. The guard is held."""
    owner = read_owner(folder)
    if _hand_lives(folder):  # whatever the file says, if it was damaged or deleted
        return owner or LockOwner("of unknown name", "hand", 0, stamp(), stamp())
    if owner is None or owner.caller == "hand":
        return None
    return None if _is_silent(owner, now) else owner


def _is_silent(owner: LockOwner, now: datetime) -> bool:
    return owner.silent_since(now) >= SILENT_AFTER


def _hand_lives(folder: Path) -> bool:
    if folder in _held:
        return True
    probe = FileLock(hand_file(folder), timeout=0)
    try:
        probe.acquire()
    except Timeout:
        return True
    probe.release()
    return False


def _busy(folder: Path, owner: LockOwner) -> BusyError:
    free = (
        "if that process hangs, end it: that frees the lock"
        if owner.caller == "hand"
        else f"if it is surely over, denguard release-run {owner.run_id}"
    )
    return BusyError(
        f"{owner.words()} is at work in this deployment, and two runs would mix",
        where=str(lock_file(folder)),
        fix=f"wait for it (denguard run --wait does) and look at it with denguard status; {free}",
    )
