"""The state of a run: its steps by the event file, who is at work, and what the gate decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pipelines.config import DeploymentPaths, time_zone_of
from pipelines.errors import StoreError
from pipelines.ops.parts import StepView, step_views
from pipelines.run import RunParams, run_folder
from pipelines.run.lock import holder, left_behind
from pipelines.run.lock_file import LockOwner
from pipelines.run.outputs import GateOutput, ReportOutput, SnapshotOutput
from pipelines.run.progress import clock_time
from pipelines.steps.failure import Failure, cause_of
from pipelines.steps.history import PartView, begun_runs, history
from pipelines.storage import read_json

RunState = Literal["finished", "running", "failed", "silent", "stopped"]
RUN_WORDS: dict[RunState, str] = {
    "finished": "finished",
    "running": "at work",
    "failed": "FAILED",
    "silent": "NO SIGN OF LIFE: its process ended without an error message",
    "stopped": "not finished, and no process runs it",
}
QUIET_AFTER = timedelta(hours=1)  # long steps write their progress every few seconds


@dataclass(frozen=True)
class RunView:
    """One run. Times are UTC.

    Attributes:
        state: `silent` = its process died before it could write why; `stopped` = unfinished, and
            no process runs it.
        params: its parameters.
        last_sign: time of the newest sign of life.
    """

    run_id: str
    state: RunState
    params: dict[str, Any]
    owner: LockOwner | None
    last_sign: datetime
    steps: tuple[StepView, ...]
    failure: Failure | None
    decision: dict[str, Any] | None
    origin_week: str | None
    report: str | None

    @property
    def profile(self) -> str:
        """Name of its profile."""
        return _profile(self.params)

    @property
    def word(self) -> str:
        """The state for people."""
        return RUN_WORDS[self.state]

    @property
    def parts(self) -> tuple[PartView, ...]:
        """Parts of all steps, in the order of the pipeline."""
        return tuple(part for step in self.steps for part in step.parts)

    @property
    def documents(self) -> dict[str, str]:
        """Title -> path relative to home of what it left for people, the report first."""
        return {
            title: path for part in reversed(self.parts) for title, path in part.documents.items()
        }

    @property
    def line(self) -> str:
        """The run in a sentence: why it failed, what the gate decided, or how far it is."""
        if self.failure is not None:
            return self.failure.cause
        gate = next(step for step in self.steps if step.name == "gate")
        done = sum(step.state in {"done", "earlier"} for step in self.steps)
        return gate.summary or f"{done} of {len(self.steps)} steps done"


def newest_run(paths: DeploymentPaths) -> str | None:
    """The run that was started last, or None."""
    return next(iter(newest_runs(paths)), None)


def newest_runs(paths: DeploymentPaths) -> list[str]:
    """Every run that was started, the one started last first."""
    return [*reversed(begun_runs(paths))]


def view(paths: DeploymentPaths, run_id: str, now: datetime) -> RunView:
    """Read one run. Raises StoreError if there is no such run, or a file of it is damaged
    or odd."""
    try:
        seen = _view(paths, run_id, now)
        _ = seen.line, seen.documents, seen.profile  # what a list shows, read while it can be named
        return seen
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        StopIteration,
        OSError,
    ) as err:
        raise StoreError(
            f"the files of run {run_id} make no sense: {type(err).__name__}: {err}",
            where=f"artifacts/runs/{run_id}",
            fix=(
                "restore its JSON files from a backup, or move the folder away; other runs are "
                "not touched by it"
            ),
        ) from err


def _view(paths: DeploymentPaths, run_id: str, now: datetime) -> RunView:
    folder = run_folder(paths, run_id)
    if not folder.is_dir():
        known = sorted(p.name for p in folder.parent.glob("*") if p.is_dir())[-5:]
        raise StoreError(
            f"there is no run {run_id}",
            where=str(folder),
            fix=f"name one of artifacts/runs: {', '.join(known) or 'it is empty'}",
        )
    held, left = holder(paths, now), left_behind(paths)
    owner = held if held is not None and held.run_id == run_id else None
    left = left if left is not None and left.run_id == run_id else None
    past = history(paths, run_id)
    failure, seen = past.failure, step_views(paths, past, owner)
    sign = _last_sign(past.last_sign, owner or left)
    state = _state(seen, owner, left, failure)
    params, gate = _maybe(folder / "run.json") or {}, _maybe(folder / GateOutput.file())
    snap, page = SnapshotOutput.left_in(folder), ReportOutput.left_in(folder)
    if state == "silent" and left is not None:
        since = clock_time(sign, time_zone_of(_profile(params)))
        facts = {**cause_of(None), "where": f"no sign of life since {since}"}
        failure = Failure(run_id=run_id, step=left.step, **facts)
    return RunView(
        run_id,
        state,
        params,
        owner or left,
        sign,
        seen,
        failure,
        gate,
        snap.as_of_week if snap else None,
        page.report if page else None,
    )


def _profile(params: dict[str, Any]) -> str:
    return str(params.get("profile", RunParams().profile))


def _state(
    steps: tuple[StepView, ...],
    owner: LockOwner | None,
    left: LockOwner | None,
    failure: Failure | None,
) -> RunState:
    if owner is not None:
        return "running"
    if failure is not None:
        return "failed"
    if steps[-1].state == "done":
        return "finished"
    return "silent" if left is not None else "stopped"


def _last_sign(newest: datetime, owner: LockOwner | None) -> datetime:
    return max(newest, datetime.fromisoformat(owner.touched)) if owner is not None else newest


def _maybe(path: Path) -> dict[str, Any] | None:
    """A record, or None if it is not there. Raises StoreError if it is damaged."""
    return dict(read_json(path)) if path.is_file() else None
