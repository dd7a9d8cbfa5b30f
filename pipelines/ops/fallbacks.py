"""Forecasts that no finished run made, as the event file tells of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.run.events import read_events
from pipelines.run.success import last_success
from pipelines.run.withdrawn import withdrawal

Made = dict[str, Any]


def standing_fallback(paths: DeploymentPaths) -> Made | None:
    """The newest one, unless a run has finished since; its event, and `withdrawn` in words."""
    made = _newest(paths)
    try:
        last = last_success(paths)
    except StoreError:
        last = None
    superseded = made and last and last.when >= datetime.fromisoformat(made["at"])
    return None if superseded else made


def made_instead_of(paths: DeploymentPaths, run_id: str) -> Made | None:
    """The newest one in the place of a run; its event, and `withdrawn` in words."""
    return _newest(paths, run_id)


def _newest(paths: DeploymentPaths, run_id: str | None = None) -> Made | None:
    found = None
    for event in read_events(paths, "fallback-forecast"):
        if run_id is None or event.get("run_id") == run_id:
            found = event
    if found is None:
        return None
    record = withdrawal(paths, "forecast", str(found["forecast_version"]))
    return {**found, "withdrawn": record.words() if record else ""}
