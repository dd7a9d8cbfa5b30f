"""State of a run's steps: one frozen model of it, made of the lines on the run in the event file.

Terminal, pages, alerts and Airflow's note ask this. Lines of older versions hold less and parts of
older runs have none: steps/older.py makes up for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from pipelines.config import DeploymentPaths
from pipelines.run import run_folder
from pipelines.run.events import Event, StepKind, read_events, run_events
from pipelines.run.outputs import FallbackOutput
from pipelines.steps import older
from pipelines.steps.failure import ENDED, Failure

State = Literal["done", "earlier", "running", "failed", "not yet"]
_ENDS: tuple[StepKind, ...] = ("step-done", "step-failed")

_PROGRESS = ("step", "label", "done", "total", "eta_s", "at")


@dataclass(frozen=True)
class PartView:
    """A step, or one shard or year of it.

    Attributes:
        name: such as `validate`, `embed_shard_003`, `backtest_2016`.
        state: as far as who is at work plays no role in it; `running` and `earlier` (done before an
            earlier step was run again) are known to ops/parts.py alone.
        begun: when it began, if it has not ended since.
        tried: number of the try that began last, 0 of a run by hand or of an older version.
        began_at, ended_at: number of its newest start and of its newest good end; -1 if there is
            none.
        summary, documents: its result, or why it failed, and title -> path relative to home of what
            it left.
        parts: parts of a later step, by name, of one that plans them.
        progress: {step, label, done, total, eta_s, at} of its newest line on that, or None.
        failure: its newest one that is not over, or None.
    """

    name: str
    state: State = "not yet"
    begun: datetime | None = None
    tried: int = 0
    began_at: int = -1
    ended_at: int = -1
    summary: str = ""
    documents: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    progress: dict[str, Any] | None = None
    failure: Failure | None = None

    @property
    def word(self) -> str:
        """The state for people."""
        return "done" if self.state == "earlier" else self.state

    def is_past(self, failure: Failure) -> bool:
        """Whether Airflow says late, perhaps elsewhere, that a try ended after which another began
        already."""
        return failure.error in ENDED and failure.try_number < self.tried


@dataclass(frozen=True)
class RunHistory:
    """All parts of a run by their names, and the newest failure that is not over."""

    parts: Mapping[str, PartView]
    failure: Failure | None
    last_sign: datetime

    def part(self, name: str) -> PartView:
        """One part; without lines on it, one that has not begun."""
        return self.parts.get(name) or PartView(name)


def history(paths: DeploymentPaths, run_id: str) -> RunHistory:
    """Read what is known of a run. Raises StoreError if a record of an older version is damaged."""
    folder = run_folder(paths, run_id)
    lines = [event for event in run_events(paths, run_id) if _is_of_a_step(event)]
    parts, failures = dict[str, PartView](), dict[str, Failure]()
    unnumbered = ((0, event) for event in older.lines(folder, lines))  # nobody knows their order
    for number, event in (*unnumbered, *enumerate(lines, start=1)):
        name = str(event["step"])
        before = parts.get(name) or PartView(name)
        parts[name] = part = _after(before, event, number)
        if event["kind"] in _ENDS and part is not before:
            failures.pop(name, None)
        if event["kind"] == "step-failed" and part.failure and part is not before:
            failures[name] = part.failure
    signs = [_at(event) for event in lines] or [older.last_write(folder)]
    return RunHistory(parts, next(reversed(failures.values()), None), max(signs))


def tries_ended(paths: DeploymentPaths, run_id: str, part: str, since_try: int) -> int:
    """How many tries of a part, from this one on, were ended from outside."""
    failures = (e for e in run_events(paths, run_id) if e["kind"] == "step-failed")
    return len(
        {
            int(event["try_number"])
            for event in failures
            if event.get("step") == part
            and event.get("error") in ENDED
            and int(event["try_number"]) >= since_try
        }
    )


def begun_runs(paths: DeploymentPaths) -> dict[str, datetime]:
    """Runs that were started and lie here -> when; the one that was started last comes last."""
    folders = [path for path in (paths.artifacts / "runs").glob("[!.]*") if path.is_dir()]
    starts = last_lines(paths, "start", "step-started", *_ENDS)
    found = {path.name: starts.get(path.name) or older.begun(path) for path in folders}
    begun = {name: when for name, when in found.items() if when is not None}
    return {name: begun[name][0] for name in sorted(begun, key=lambda name: (begun[name], name))}


def last_lines(
    paths: DeploymentPaths, step: str, *kinds: StepKind
) -> dict[str, tuple[datetime, int]]:
    """Run -> time and number of its newest line on a step, as this machine wrote them."""
    lines = enumerate(read_events(paths, *kinds))
    return {e["run_id"]: (_at(e), number) for number, e in lines if e.get("step") == step}


def _is_of_a_step(event: Event) -> bool:
    """A fallback is no step of the run in whose place it is made."""
    return str(event["kind"]).startswith("step-") and event.get("step") != FallbackOutput.step


def _after(part: PartView, event: Event, number: int) -> PartView:
    match event["kind"]:
        case "step-started":
            return replace(part, begun=_at(event), began_at=number, tried=event.get("try", 0))
        case "step-progress":
            return replace(part, progress={name: event[name] for name in _PROGRESS})
        case "step-failed":
            failure = Failure.parse(event)
            if part.is_past(failure):
                return part
            return replace(part, state="failed", begun=None, summary=failure.cause, failure=failure)
    return replace(
        part,
        state="done",
        begun=None,
        ended_at=number,
        failure=None,
        summary=str(event["said"]),
        documents=event.get("documents", part.documents),
        parts=tuple(event.get("parts", part.parts)),
    )


def _at(event: Event) -> datetime:
    return datetime.fromisoformat(event["at"])
