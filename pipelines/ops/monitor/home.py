"""Figures of one line of the deployment, from its files: bulletin, held data, run, champion."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import get_args

from pipelines.config import DeploymentPaths
from pipelines.ops import alerts
from pipelines.ops.held import looks_high, read_waiting_causes, words_of_waiting
from pipelines.ops.monitor.figures import Readings
from pipelines.ops.runs import RunState, newest_run, view
from pipelines.ops.status import champion
from pipelines.ops.watch import Verdict


def read_bulletin(found: Readings, line: str, verdict: Verdict, max_age_days: float) -> None:
    """Its age and whether it is late."""
    found.put("denguard_bulletin_late", verdict.late, line)
    found.put("denguard_bulletin_fallback", verdict.fallback is not None, line)
    allowed = timedelta(days=max_age_days).total_seconds()
    found.put("denguard_bulletin_allowed_age_seconds", allowed, line)
    if (made := verdict.success) is not None:
        finished, until = made.when, _start_of(made.known_until + timedelta(days=1))
        found.put("denguard_bulletin_finished_timestamp_seconds", finished.timestamp(), line)
        found.put("denguard_bulletin_known_until_timestamp_seconds", until.timestamp(), line)


def read_held(found: Readings, line: str, paths: DeploymentPaths) -> str:
    """How many causes wait, and since when; the same in words.

    Raises:
        StoreError: that cannot be known.
    """
    waits = read_waiting_causes(paths)
    high = sum(map(looks_high, waits))
    found.put("denguard_held_causes", high, line, "high")
    found.put("denguard_held_causes", len(waits) - high, line, "other")
    if waits:
        oldest = min(_received(paths, one.drop) for one in waits)
        found.put("denguard_held_oldest_timestamp_seconds", oldest, line)
    return words_of_waiting(waits)


def read_run(found: Readings, line: str, paths: DeploymentPaths, now: datetime) -> None:
    """State of the newest run. Raises StoreError if its files make no sense."""
    run_id = newest_run(paths)
    if run_id is None:
        return
    run = view(paths, run_id, now)
    for state in get_args(RunState):
        found.put("denguard_run_state", run.state == state, line, state)
    found.put("denguard_run_last_sign_timestamp_seconds", run.last_sign.timestamp(), line)
    if run.failure is not None and run.state in {"failed", "silent"}:
        found.put("denguard_run_failed_step", 1, line, run.failure.step)


def read_champion(found: Readings, line: str, paths: DeploymentPaths) -> None:
    """Who serves by the audit; nothing if nobody does."""
    serves = champion(paths)
    if serves is None:
        return
    named = (str(serves["version"]), str(serves["bundle_id"]))
    found.put("denguard_audit_champion", 1, line, *named)
    since = datetime.fromisoformat(str(serves["since"])).timestamp()
    found.put("denguard_audit_champion_since_timestamp_seconds", since, line)


def read_alerts(found: Readings, line: str, paths: DeploymentPaths) -> None:
    """How many alerts wait for a channel."""
    found.put("denguard_alerts_waiting", len(alerts.load(paths).pending), line)


def _received(paths: DeploymentPaths, drop: str) -> float:
    """When a drop was received, or copied in later."""
    moment = _start_of(date.fromisoformat(drop[:10])).timestamp()
    folder = paths.drops / drop
    return max(moment, folder.stat().st_mtime) if folder.is_dir() else moment


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
