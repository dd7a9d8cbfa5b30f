"""What happens to a deployment, one line each: artifacts/events/events.jsonl, only ever appended
to.

A line is one JSON object with `at` (UTC), `kind`, `run_id` ("" outside a run) and facts of its
kind. Lines are on the disk before an event counts as written; a line torn by a power cut is passed
over by readers and closed by the next writer, so that it can never swallow a whole one. Where
machines share a store, lines on steps also go there (run/exchange.py).
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, get_args

from pipelines.config import DeploymentPaths
from pipelines.contracts import canonical_json
from pipelines.errors import DenguardError, StoreError
from pipelines.run.exchange import of_others, publish
from pipelines.storage.lock import locked

log = logging.getLogger(__name__)
Event = dict[str, Any]
StepKind = Literal["step-started", "step-done", "step-failed"]
Kind = (
    StepKind
    | Literal[
        "step-progress",  # of the machine that runs the step alone
        "held",  # values of a drop were set aside: rule, cause, cells
        "confirmed",  # a person let held values count
        "rejected",  # a person said that held values are wrong
        "drop-withdrawn",
        "forecast-withdrawn",
        "fallback-forecast",  # made from the last accepted data
        "pruned",
    ]
)
_SHARED = get_args(StepKind)
_LOCK_TIMEOUT_S = 30.0


def events_file(paths: DeploymentPaths) -> Path:
    """artifacts/events/events.jsonl"""
    return paths.artifacts / "events" / "events.jsonl"


def append_event(
    paths: DeploymentPaths,
    kind: Kind,
    facts: dict[str, Any],
    run_id: str = "",
    at: datetime | None = None,
) -> Event:
    """Add one line and wait until it is on the disk.

    Raises:
        StoreError: another process has been writing for too long.
    """
    path = events_file(paths)
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


def note(
    paths: DeploymentPaths,
    kind: StepKind | Literal["step-progress"],
    run_id: str,
    facts: Event,
) -> None:
    """A line on a step, for all machines. If it cannot be written, the step goes on as it would.

    Its number `n` is above those of all lines on the run that this machine can see: where machines
    share a store it orders their lines, whatever their clocks say.
    """
    own, kept = {name: facts[name] for name in facts if name != "run_id"}, kind in _SHARED
    try:
        if kept and paths.artifacts_uri:
            own["n"] = 1 + max((_number(event) for event in run_events(paths, run_id)), default=0)
        append_event(paths, kind, own, run_id)
    except (DenguardError, OSError) as err:
        log.error("the event file does not say that %s: %s", kind, err)
    try:
        if kept:
            publish(paths, run_id, lambda: list(_lines(paths, _SHARED, run_id)))
    except (DenguardError, OSError) as err:
        log.warning("other machines are not informed yet that %s: %s", kind, err)


def read_events(paths: DeploymentPaths, *kinds: Kind, run_id: str | None = None) -> Iterator[Event]:
    """Events of these kinds, or all, oldest first; lines that are none are passed over.

    Args:
        run_id: of this run alone, as this machine wrote them.
    """
    for line in _lines(paths, kinds, run_id):
        event = _parsed(line)
        if event is None or (kinds and event.get("kind") not in kinds):
            continue
        if run_id is None or event.get("run_id") == run_id:
            yield event


def run_events(paths: DeploymentPaths, run_id: str) -> list[Event]:
    """Every line on a run and its steps, those of other machines included, in the order in which
    they were written; of a store that does not answer the log tells."""
    own = list(read_events(paths, run_id=run_id))
    try:
        others = [event for line in of_others(paths, run_id) if (event := _parsed(line))]
    except StoreError as err:
        log.warning("what other machines say of run %s is not known: %s", run_id, err)
        return own
    numbers = list(accumulate(map(_number, own), max))
    both = [*zip(numbers, own, strict=True), *((_number(event), event) for event in others)]
    return [event for _, event in sorted(both, key=lambda pair: pair[0])]


def _number(event: Event) -> int:
    return int(event.get("n", 0))


def _lines(paths: DeploymentPaths, kinds: Collection[str], run_id: str | None) -> Iterator[bytes]:
    """Lines that may be of these kinds and this run; most others are not even parsed."""
    path = events_file(paths)
    if not path.is_file():
        return
    words = [f'"kind":"{kind}"'.encode() for kind in kinds]
    run = b"" if run_id is None else f'"run_id":"{run_id}"'.encode()
    with path.open("rb") as lines:
        for line in lines:
            if run in line and (not words or any(word in line for word in words)):
                yield line


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
