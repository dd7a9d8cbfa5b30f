"""The state of a run, read from its files alone: steps and their parts, failure, decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pipelines.config import Places, time_zone_of
from pipelines.errors import StoreError
from pipelines.ops.parts import CUT, NEVER, STATE_WORDS, Part, State, maybe, mtime, parts_of
from pipelines.run import RunParams, run_folder
from pipelines.run.lease import Lease
from pipelines.run.lock import holder, left_behind
from pipelines.run.outputs import GateOutput, ReportOutput, SnapshotOutput
from pipelines.run.progress import clock_time
from pipelines.steps.failure import FAILURE, Failure, cause_of, of_run
from pipelines.steps.runner import STEPS

RunState = Literal["finished", "running", "failed", "silent", "stopped"]
RUN_WORDS: dict[RunState, str] = {
    "finished": "finished",
    "running": "at work",
    "failed": "FAILED",
    "silent": "NO SIGN OF LIFE: its process ended without a word",
    "stopped": "not finished, and no process runs it",
}
QUIET_AFTER = timedelta(hours=1)  # long steps write their progress every few seconds


@dataclass(frozen=True)
class Box:
    """One step of the pipeline and its parts: shards or years of one that is cut, else itself."""

    step: str
    parts: tuple[Part, ...]

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
        """Shards or years done and expected; None for a box that is not cut, or not yet."""
        if self.step not in CUT or self.parts[0].name == CUT[self.step]:
            return None
        return sum(part.state in {"done", "earlier"} for part in self.parts), len(self.parts)

    @property
    def progress(self) -> dict[str, Any] | None:
        """Of what runs, the one that was heard last; None if nothing runs or says how far it is."""
        heard = [part.progress for part in self.parts if part.state == "running" and part.progress]
        return max(heard, key=lambda progress: str(progress["at"]), default=None)

    @property
    def said(self) -> str:
        """What came of a box that is done and not cut."""
        return (
            self.parts[0].said if self.state in {"done", "earlier"} and self.step not in CUT else ""
        )


@dataclass(frozen=True)
class RunView:
    """One run, as its files show it. Times are UTC.

    Attributes:
        state: `silent` = its process died without a word; `stopped` = unfinished, and nobody walks
            it.
        params: what it was asked to do.
        last_sign: when one of its files was written last.
    """

    run_id: str
    state: RunState
    params: dict[str, Any]
    lease: Lease | None
    last_sign: datetime
    boxes: tuple[Box, ...]
    failure: Failure | None
    decision: dict[str, Any] | None
    origin_week: str | None
    report: str | None

    @property
    def profile(self) -> str:
        """What it was asked to run with."""
        return _profile(self.params)

    @property
    def word(self) -> str:
        """The state for people."""
        return RUN_WORDS[self.state]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Parts of all steps, in the order of the pipeline."""
        return tuple(part for box in self.boxes for part in box.parts)

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
        gate = next(box for box in self.boxes if box.step == "gate")
        done = sum(box.state in {"done", "earlier"} for box in self.boxes)
        return gate.said or f"{done} of {len(self.boxes)} boxes done"


def newest_run(where: Places) -> str | None:
    """The run that was started last, or None."""
    return next(iter(newest_runs(where)), None)


def newest_runs(where: Places) -> list[str]:
    """Every run that was started, the one started last first."""
    folders = [
        p for p in (where.artifacts / "runs").glob("*") if p.is_dir() and not p.name.startswith(".")
    ]
    started = sorted(((_started(p), p.name) for p in folders), reverse=True)
    return [name for at, name in started if at != NEVER]


def view(where: Places, run_id: str, now: datetime) -> RunView:
    """Read one run. Raises StoreError if there is no such run, or a file of it is damaged
    or odd."""
    try:
        seen = _view(where, run_id, now)
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


def _view(where: Places, run_id: str, now: datetime) -> RunView:
    folder = run_folder(where, run_id)
    if not folder.is_dir():
        known = sorted(p.name for p in folder.parent.glob("*") if p.is_dir())[-5:]
        raise StoreError(
            f"there is no run {run_id}",
            where=str(folder),
            fix=f"name one of artifacts/runs: {', '.join(known) or 'it is empty'}",
        )
    held, left = holder(where, now), left_behind(where)
    lease = held if held is not None and held.run_id == run_id else None
    left = left if left is not None and left.run_id == run_id else None
    failure, boxes = of_run(folder), _boxes(where, folder, lease)
    sign = _last_sign(folder, lease or left)
    state = _state(boxes, lease, left, failure)
    params, gate = maybe(folder / "run.json") or {}, maybe(folder / GateOutput.file())
    snap, page = SnapshotOutput.left_in(folder), ReportOutput.left_in(folder)
    if state == "silent" and left is not None:
        since = clock_time(sign, time_zone_of(_profile(params)))
        said = {**cause_of(None), "where": f"nothing was heard since {since}"}
        failure = Failure(run_id=run_id, step=left.step, **said)
    return RunView(
        run_id,
        state,
        params,
        lease or left,
        sign,
        boxes,
        failure,
        gate,
        snap.as_of_week if snap else None,
        page.report if page else None,
    )


def _profile(params: dict[str, Any]) -> str:
    return str(params.get("profile", RunParams().profile))


def _state(
    boxes: tuple[Box, ...], lease: Lease | None, left: Lease | None, failure: Failure | None
) -> RunState:
    if lease is not None:
        return "running"
    if failure is not None:
        return "failed"
    if boxes[-1].state == "done":
        return "finished"
    return "silent" if left is not None else "stopped"


def _boxes(where: Places, folder: Path, lease: Lease | None) -> tuple[Box, ...]:
    found: list[Box] = []
    before = NEVER
    for step in ("start", *STEPS):
        box = Box(step, parts_of(where, folder, step, lease, before))
        ended = [part.ended for part in box.parts if part.state == "done"]
        if lease is not None and box.state == "running":
            ended.append(datetime.fromisoformat(lease.since))
        before = max((before, *ended))
        found.append(box)
    return tuple(found)


def _last_sign(folder: Path, lease: Lease | None) -> datetime:
    signs = [mtime(p) for p in (*folder.glob("*.json"), *folder.glob("progress/*.json"))]
    if lease is not None:
        signs.append(datetime.fromisoformat(lease.touched))
    return max(signs, default=mtime(folder))


def _started(folder: Path) -> datetime:
    """A run is as old as its parameters; one that never got any, as its failure."""
    try:
        named = [p for p in (folder / "run.json", folder / FAILURE) if p.is_file()]
        return mtime(named[0]) if named else NEVER
    except OSError:  # it may not be looked into, or was removed meanwhile; the others are listed
        return NEVER
