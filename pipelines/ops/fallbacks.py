"""Forecasts that no finished run made, as lines of the event file describe them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.run.events import read_events
from pipelines.run.success import last_success
from pipelines.run.withdrawn import withdrawal

Fallback = dict[str, Any]  # its event, and `withdrawn` in words


def newest_fallback(paths: DeploymentPaths) -> Fallback | None:
    """The newest one; None if there is none, or a run has finished since."""
    fallback = _newest(paths)
    try:
        last = last_success(paths)
    except StoreError:
        last = None
    superseded = fallback and last and last.when >= datetime.fromisoformat(fallback["at"])
    return None if superseded else fallback


def fallback_for(paths: DeploymentPaths, run_id: str) -> Fallback | None:
    """The newest one that was made in place of a run, or None."""
    return _newest(paths, run_id)


def _newest(paths: DeploymentPaths, run_id: str | None = None) -> Fallback | None:
    newest = None
    for event in read_events(paths, "fallback-forecast"):
        if run_id is None or event.get("run_id") == run_id:
            newest = event
    if newest is None:
        return None
    record = withdrawal(paths, "forecast", str(newest["forecast_version"]))
    return {**newest, "withdrawn": record.words() if record else ""}
