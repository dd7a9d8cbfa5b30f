"""Steps of a run as people see them: a step, or its shards or years, each with its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipelines.config import Places
from pipelines.run.lease import Lease
from pipelines.run.progress import spell
from pipelines.steps.failure import Failure
from pipelines.steps.history import PartHistory, RunHistory
from pipelines.steps.runner import STEPS

State = Literal["done", "earlier", "running", "failed", "not yet"]
STATE_WORDS: dict[State, str] = {
    "done": "done",
    "earlier": "done",
    "running": "running",
    "failed": "failed",
    "not yet": "not yet",
}
# Steps that are cut: the step that does one part of them, and those that know which parts.
CUT = {"embed": "embed_shard", "backtest": "backtest"}
_PLANNED_BY = {"embed": ("plan_embedding",), "backtest": ("start", "snapshot")}


@dataclass(frozen=True)
class PartView:
    """One part of a step.

    Attributes:
        name: such as `validate`, `embed_shard_003`, `backtest_2016`.
        state: `earlier` = done before an earlier step was run again.
        said: what came of it, or why it failed.
        progress: {step, label, done, total, eta_s, at} as it was told last, or None.
        failure: what stands against it, or None.
        documents: title -> path relative to home, of those that are there.
    """

    name: str
    state: State
    said: str
    progress: dict[str, Any] | None
    failure: Failure | None
    documents: dict[str, str] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The state for people."""
        return STATE_WORDS[self.state]


@dataclass(frozen=True)
class StepView:
    """One step of the pipeline and its parts: shards or years of one that is cut, else itself."""

    name: str
    parts: tuple[PartView, ...]

    @property
    def state(self) -> State:
        """That of its parts; done when all of them are."""
        found = {part.state for part in self.parts}
        ranks: tuple[State, ...] = ("running", "failed", "not yet", "earlier")
        return next((state for state in ranks if state in found), "done")

    @property
    def word(self) -> str:
        """The state for people."""
        return STATE_WORDS[self.state]

    @property
    def counted(self) -> tuple[int, int] | None:
        """Shards or years done and expected; None for a step that is not cut, or not yet."""
        if self.name not in CUT or self.parts[0].name == CUT[self.name]:
            return None
        return sum(part.state in {"done", "earlier"} for part in self.parts), len(self.parts)

    @property
    def progress(self) -> dict[str, Any] | None:
        """Of what runs, the one that was heard last; None if nothing runs or says how far it is."""
        heard = [part.progress for part in self.parts if part.state == "running" and part.progress]
        return max(heard, key=lambda progress: str(progress["at"]), default=None)

    @property
    def said(self) -> str:
        """What came of a step that is done and not cut."""
        return (
            self.parts[0].said if self.state in {"done", "earlier"} and self.name not in CUT else ""
        )


def step_views(where: Places, run: RunHistory, lease: Lease | None) -> tuple[StepView, ...]:
    """Every step in order; of one that is cut nobody knows how yet, the step itself.

    Args:
        lease: the run's, if it is at work.
    """
    found, before = [], -1
    for step in ("start", *STEPS):
        parts = [run.part(name) for name in _names(run, step)]
        found.append(StepView(step, tuple(_part(where, part, lease, before) for part in parts)))
        before = max(before, *(max(part.ended_at, _runs_since(part, lease)) for part in parts))
    return tuple(found)


def counted(progress: dict[str, Any], now: datetime) -> str:
    """Progress in words: done, total, items left, ETA, and its age if nothing was heard since."""
    left = int(progress["total"]) - int(progress["done"])
    said = f"{progress['label']}: {progress['done']}/{progress['total']}"
    if left <= 0:
        return said
    heard = (now - datetime.fromisoformat(progress["at"])).total_seconds()
    aged = f" ({spell(heard)} ago)" if heard > 60 else ""
    return f"{said}, {left} left, ETA {spell(progress['eta_s'])}{aged}"


def _names(run: RunHistory, step: str) -> list[str]:
    if step not in CUT:
        return [step]
    plans = (run.part(planner).parts for planner in _PLANNED_BY[step])
    planned: tuple[str, ...] = next(filter(None, plans), ())
    failed = [
        name
        for name, part in run.parts.items()
        if name.startswith(f"{CUT[step]}_") and part.failure
    ]
    return sorted({*planned, *failed}) or [CUT[step]]


def _part(where: Places, part: PartHistory, lease: Lease | None, before: int) -> PartView:
    name, progress, failure = part.name, part.progress, part.failure
    if _runs_since(part, lease) >= 0:
        return PartView(name, "running", "", progress, failure)
    if failure is not None:
        return PartView(name, "failed", failure.cause, progress, failure)
    if part.ended_at < 0:
        return PartView(name, "not yet", "", progress, None)
    there = {title: at for title, at in part.documents.items() if (where.home / at).is_file()}
    state: State = "earlier" if lease is not None and part.ended_at < before else "done"
    return PartView(name, state, part.said, progress, None, there)


def _runs_since(part: PartHistory, lease: Lease | None) -> int:
    """The line with which it began, if it is at work: it began under this lease and has not
    ended; else -1."""
    if lease is None or part.begun is None or part.begun < datetime.fromisoformat(lease.since):
        return -1
    return part.began_at
