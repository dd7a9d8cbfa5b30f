"""What happens to a deployment, one line each: artifacts/events/events.jsonl, only ever appended
to.

A line is one JSON object with `at` (UTC), `kind`, `run_id` ("" outside a run) and facts of its
kind. Lines are on the disk before an event counts as said; a line torn by a power cut is passed
over by readers and closed by the next writer, so that it can never swallow a whole one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipelines.config import Places
from pipelines.contracts import canonical_json
from pipelines.errors import StoreError
from pipelines.storage.lock import locked

Event = dict[str, Any]
Kind = Literal[
    "held",  # values of a drop were set aside: rule, cause, cells
    "confirmed",  # a person let held values count
    "rejected",  # a person said that held values are wrong
    "drop-withdrawn",
    "forecast-withdrawn",
    "step-failed",
    "step-done",
    "fallback-forecast",  # made from the last accepted data
    "pruned",
]
_LOCK_TIMEOUT_S = 30.0


def events_file(where: Places) -> Path:
    """artifacts/events/events.jsonl"""
    return where.artifacts / "events" / "events.jsonl"


def append_event(
    where: Places, kind: Kind, facts: dict[str, Any], run_id: str = "", at: datetime | None = None
) -> Event:
    """Add one line and wait until it is on the disk.

    Raises:
        StoreError: another process has been writing for too long.
    """
    path = events_file(where)
    stamp = (at or datetime.now(UTC)).isoformat(timespec="seconds")
    event = {"at": stamp, "kind": kind, "run_id": run_id, **facts}
    busy = StoreError(
        "the event file is being written by another process",
        where=str(path),
        fix="try again; if no process of denguard is at work, remove the .lock file beside it",
    )
    with locked(path.with_suffix(".lock"), _LOCK_TIMEOUT_S, busy), path.open("ab+") as out:
        out.write(_line_end_if_torn(path) + canonical_json(event).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    return event


def read_events(where: Places, *kinds: Kind) -> Iterator[Event]:
    """Events of these kinds, or all, oldest first; lines that are none are passed over."""
    path = events_file(where)
    if not path.is_file():
        return
    with path.open("rb") as lines:
        for line in lines:
            event = _parsed(line)
            if event is not None and (not kinds or event.get("kind") in kinds):
                yield event


def _line_end_if_torn(path: Path) -> bytes:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return b""
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else b"\n"


def _parsed(line: bytes) -> Event | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and "kind" in value else None
