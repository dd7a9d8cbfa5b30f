"""Steps of a run as people see them: a step, or its shards or years, each with its state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.run.lock_file import LockOwner
from pipelines.run.outputs import SceneFetchOutput
from pipelines.run.progress import spell
from pipelines.steps.history import PartView, RunHistory, State
from pipelines.steps.runner import STEPS

# Steps that are cut: the step that does one part of them, and those that know which parts.
CUT = {"embed": "embed_shard", "backtest": "backtest"}
FETCH = SceneFetchOutput.step
_PLANNED_BY = {"embed": ("plan_embedding",), "backtest": ("start", "snapshot")}


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
        return "done" if self.state == "earlier" else self.state

    @property
    def counted(self) -> tuple[int, int] | None:
        """Shards or years done and expected; None for a step that is not cut, or not yet."""
        if self.name not in CUT or self.parts[0].name == CUT[self.name]:
            return None
        return sum(part.state in {"done", "earlier"} for part in self.parts), len(self.parts)

    @property
    def progress(self) -> dict[str, Any] | None:
        """The newest progress of a part that runs; None if none runs, or none has written any."""
        known = [part.progress for part in self.parts if part.state == "running" and part.progress]
        return max(known, key=lambda progress: str(progress["at"]), default=None)

    @property
    def summary(self) -> str:
        """What came of a step that is done and not cut into parts; else ""."""
        whole = self.state in {"done", "earlier"} and self.name not in CUT
        return self.parts[0].summary if whole else ""


def step_views(
    paths: DeploymentPaths, run: RunHistory, owner: LockOwner | None
) -> tuple[StepView, ...]:
    """Every step in order; of one that is cut nobody knows how yet, the step itself.

    Args:
        owner: who holds the lock, if it is this run.
    """
    found, before = [], -1
    for step in _steps(run):
        parts = [run.part(name) for name in _names(run, step)]
        found.append(StepView(step, tuple(_part(paths, part, owner, before) for part in parts)))
        before = max(before, *(max(part.ended_at, _runs_since(part, owner)) for part in parts))
    return tuple(found)


def _steps(run: RunHistory) -> list[str]:
    """Every step in order; a run of a version that fetched no scenes had no step for it."""
    older = FETCH not in run.parts and run.parts.keys() - {"", "start"}
    return [step for step in ("start", *STEPS) if step != FETCH or not older]


def counted(progress: dict[str, Any], now: datetime) -> str:
    """Progress in words: done, total, items left, ETA; its age if that is over a minute."""
    left = int(progress["total"]) - int(progress["done"])
    count = f"{progress['label']}: {progress['done']}/{progress['total']}"
    if left <= 0:
        return count
    age_s = (now - datetime.fromisoformat(progress["at"])).total_seconds()
    ago = f" ({spell(age_s)} ago)" if age_s > 60 else ""
    return f"{count}, {left} left, ETA {spell(progress['eta_s'])}{ago}"


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


def _part(paths: DeploymentPaths, part: PartView, owner: LockOwner | None, before: int) -> PartView:
    if _runs_since(part, owner) >= 0:
        return replace(part, state="running", summary="", documents={})
    if part.state != "done":
        return replace(part, documents={})
    there = {title: at for title, at in part.documents.items() if (paths.home / at).is_file()}
    again = owner is not None and part.ended_at < before
    return replace(part, state="earlier" if again else "done", documents=there)


def _runs_since(part: PartView, owner: LockOwner | None) -> int:
    """The line with which it began, if it is at work: it began under this lock and has not
    ended; else -1."""
    if owner is None or part.begun is None or part.begun < datetime.fromisoformat(owner.since):
        return -1
    return part.began_at
