"""Forecasts that no finished run made, as the event file tells of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipelines.config import Places
from pipelines.errors import StoreError
from pipelines.run.events import read_events
from pipelines.run.success import last_success
from pipelines.run.withdrawn import withdrawal

Made = dict[str, Any]


def standing_fallback(where: Places) -> Made | None:
    """The newest one, unless a run has finished since; its event, and `withdrawn` in words."""
    made = _newest(where)
    try:
        last = last_success(where)
    except StoreError:
        last = None
    superseded = made and last and last.when >= datetime.fromisoformat(made["at"])
    return None if superseded else made


def made_instead_of(where: Places, run_id: str) -> Made | None:
    """The newest one in the place of a run; its event, and `withdrawn` in words."""
    return _newest(where, run_id)


def _newest(where: Places, run_id: str | None = None) -> Made | None:
    found = None
    for event in read_events(where, "fallback-forecast"):
        if run_id is None or event.get("run_id") == run_id:
            found = event
    if found is None:
        return None
    record = withdrawal(where, "forecast", str(found["forecast_version"]))
    return {**found, "withdrawn": record.words() if record else ""}
