"""What became of a run's steps: one frozen model of it, made of the lines on the run in the event
file.

Terminal, pages, alerts and Airflow's note ask this. Lines of older versions say less and parts of
older runs have none: steps/older.py makes up for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipelines.config import Places
from pipelines.run import run_folder
from pipelines.run.events import Event, StepKind, read_events, run_events
from pipelines.run.outputs import FallbackOutput
from pipelines.steps import older
from pipelines.steps.failure import Failure

_ENDS: tuple[StepKind, ...] = ("step-done", "step-failed")

_PROGRESS = ("step", "label", "done", "total", "eta_s", "at")


@dataclass(frozen=True)
class PartHistory:
    """A step, or one shard or year of it.

    Attributes:
        begun: when it began, if it has not ended since.
        began_at, ended_at: number of its newest start and of its newest good end; -1 if there is
            none.
        said, documents: what came of it, and title -> path relative to home of what it left.
        parts: parts of a later step, by name, of one that plans them.
        progress: {step, label, done, total, eta_s, at} as it was told last, or None.
        failure: what stands against it, or None.
    """

    name: str
    begun: datetime | None = None
    began_at: int = -1
    ended_at: int = -1
    said: str = ""
    documents: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    progress: dict[str, Any] | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class RunHistory:
    """All parts of a run by their names, and the failure that stands and came last."""

    parts: Mapping[str, PartHistory]
    failure: Failure | None
    last_sign: datetime

    def part(self, name: str) -> PartHistory:
        """One part; if nothing was heard of it, one that has not begun."""
        return self.parts.get(name) or PartHistory(name)


def history(where: Places, run_id: str) -> RunHistory:
    """Read what is known of a run. Raises StoreError if a record of an older version is damaged."""
    folder = run_folder(where, run_id)
    lines = [event for event in run_events(where, run_id) if _is_of_a_step(event)]
    parts, failures = dict[str, PartHistory](), dict[str, Failure]()
    for number, event in enumerate((*older.lines(folder, lines), *lines)):
        name = str(event["step"])
        parts[name] = part = _after(parts.get(name) or PartHistory(name), event, number)
        if event["kind"] in _ENDS:
            failures.pop(name, None)
        if event["kind"] == "step-failed" and part.failure:
            failures[name] = part.failure
    signs = [_at(event) for event in lines] or [older.last_write(folder)]
    return RunHistory(parts, next(reversed(failures.values()), None), max(signs))


def begun_runs(where: Places) -> dict[str, datetime]:
    """Runs that were started and lie here -> when; the one that was started last comes last."""
    folders = [path for path in (where.artifacts / "runs").glob("[!.]*") if path.is_dir()]
    found = {path.name: (at, -1) for path in folders if (at := older.begun(path)) is not None}
    names = {path.name for path in folders}
    for number, event in enumerate(read_events(where, "step-started", *_ENDS)):
        if event.get("step") == "start" and event["run_id"] in names:
            found[event["run_id"]] = (_at(event), number)
    return {name: found[name][0] for name in sorted(found, key=lambda name: (found[name], name))}


def _is_of_a_step(event: Event) -> bool:
    """A fallback is no step of the run in whose place it is made."""
    return str(event["kind"]).startswith("step-") and event.get("step") != FallbackOutput.step


def _after(part: PartHistory, event: Event, number: int) -> PartHistory:
    match event["kind"]:
        case "step-started":
            return replace(part, begun=_at(event), began_at=number)
        case "step-progress":
            return replace(part, progress={name: event[name] for name in _PROGRESS})
        case "step-failed":
            return replace(part, begun=None, failure=Failure.parse(event))
    return replace(
        part,
        begun=None,
        ended_at=number,
        failure=None,
        said=str(event["said"]),
        documents=event.get("documents", part.documents),
        parts=tuple(event.get("parts", part.parts)),
    )


def _at(event: Event) -> datetime:
    return datetime.fromisoformat(event["at"])
