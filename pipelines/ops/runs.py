"""How a run stands, read from its files alone: the road as boxes, progress, failure, decision.

Belongs here: reading artifacts/runs/<run>/ and the run lease. Does not belong here: printing
(show.py) and judging lateness (watch.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pipelines.config import Places, load_profile
from pipelines.errors import DenguardError, StoreError
from pipelines.run import run_folder
from pipelines.run_lock import Lease, holder, left_behind
from pipelines.steps import outcome
from pipelines.steps.failure import FAILURE, cause_of
from pipelines.steps.walk import ROAD
from pipelines.storage import read_json

BoxState = Literal["done", "earlier", "running", "failed", "not yet"]
RunState = Literal["finished", "running", "failed", "silent", "stopped"]
QUIET_AFTER = timedelta(hours=1)  # long steps write their progress every few seconds
_OUTPUT = {"start": "run", "embed": "embed_shard"}
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Box:
    """One box of the road.

    Attributes:
        state: `earlier` = done before a box in front of it was walked again.
        parts: shards or years done and expected, None for a box that is not cut.
        progress: {step, label, done, total, eta_s, at} of what runs, or None.
        said: what came of it.
    """

    step: str
    state: BoxState
    parts: tuple[int, int] | None
    progress: dict[str, Any] | None
    said: str


@dataclass(frozen=True)
class RunView:
    """One run, as its files show it. Times are UTC.

    Attributes:
        state: `silent` = its process died without a word; `stopped` = unfinished, and nobody walks it.
        last_sign: when one of its files was written last.
    """

    run_id: str
    state: RunState
    lease: Lease | None
    last_sign: datetime
    boxes: tuple[Box, ...]
    failure: dict[str, Any] | None
    decision: dict[str, Any] | None
    origin_week: str | None
    report: str | None


def newest_run(where: Places) -> str | None:
    """The run that was started last, or None."""
    folders = [p for p in (where.artifacts / "runs").glob("*") if p.is_dir() and not p.name.startswith(".")]  # fmt: skip
    newest = max(folders, key=lambda p: (_started(p), p.name), default=None)
    return None if newest is None or _started(newest) == _NEVER else newest.name


def view(where: Places, run_id: str, now: datetime) -> RunView:
    """Read one run. Raises StoreError if there is no such run, or a file of it is damaged."""
    folder = run_folder(where, run_id)
    if not folder.is_dir():
        known = sorted(p.name for p in folder.parent.glob("*") if p.is_dir())[-5:]
        raise StoreError(f"there is no run {run_id}", where=str(folder), fix=f"name one of artifacts/runs: {', '.join(known) or 'it is empty'}")  # fmt: skip
    held, left = holder(where, now), left_behind(where)
    lease = held if held is not None and held.run_id == run_id else None
    left = left if left is not None and left.run_id == run_id else None
    failure = _maybe(folder / FAILURE)
    boxes = _boxes(folder, lease, failure)
    sign = _last_sign(folder, lease or left)
    state = _state(boxes, lease, left, failure)
    if state == "silent" and left is not None:
        failure = {"run_id": run_id, "step": left.step, **cause_of(None), "where": f"nothing was heard since {sign:%Y-%m-%d %H:%M} UTC"}  # fmt: skip
    gate, snap, page = (_maybe(folder / f"{n}.json") for n in ("gate", "snapshot", "report"))
    return RunView(run_id, state, lease or left, sign, boxes, failure, gate, (snap or {}).get("as_of_week"), (page or {}).get("report"))  # fmt: skip


def _state(boxes: tuple[Box, ...], lease: Lease | None, left: Lease | None, failure: dict[str, Any] | None) -> RunState:  # fmt: skip
    if lease is not None:
        return "running"
    if failure is not None:
        return "failed"
    if boxes[-1].state == "done":
        return "finished"
    return "silent" if left is not None else "stopped"


def _boxes(folder: Path, lease: Lease | None, failure: dict[str, Any] | None) -> tuple[Box, ...]:  # fmt: skip
    found: list[Box] = []
    newest_before = _NEVER
    for step in ("start", *ROAD):
        expected = _outputs(folder, step)
        there = [p for p in expected if p.is_file()]
        ended = max((_mtime(p) for p in there), default=_NEVER)
        whole = bool(expected) and len(there) == len(expected)
        progress = _progress(folder, step)
        state: BoxState = "not yet"
        if _runs(step, lease, ended, progress, whole):
            state = "running"
        elif failure is not None and _box_of(str(failure["step"])) == step:
            state = "failed"
        elif whole:
            state = "earlier" if lease is not None and ended < newest_before else "done"
        if lease is not None and state == "running":
            ended = max(ended, datetime.fromisoformat(lease.since))
        newest_before = max(newest_before, ended) if state in {"done", "running"} else newest_before
        parts = (len(there), len(expected)) if step in {"embed", "backtest"} and expected else None
        said = _said(step, there) if state in {"done", "earlier"} else ""
        found.append(Box(step, state, parts, progress if state == "running" else None, said))
    return tuple(found)


def _runs(step: str, lease: Lease | None, ended: datetime, progress: dict[str, Any] | None, whole: bool) -> bool:  # fmt: skip
    """The lease names the step that began last; of several at once the others show by progress."""
    if lease is None:
        return False
    if _box_of(lease.step) == step:
        return not whole or ended < datetime.fromisoformat(lease.touched)
    fresh = progress is not None and datetime.fromisoformat(progress["at"]) >= datetime.fromisoformat(lease.since)  # fmt: skip
    return fresh and not whole


def _outputs(folder: Path, step: str) -> list[Path]:
    """Files that the box leaves when all of it is done; empty while that is not known."""
    if step == "embed":
        plan = _maybe(folder / "plan_embedding.json")
        return [folder / f"embed_{shard:03d}.json" for shard in plan["shards"]] if plan else []
    if step == "backtest":
        asked = _maybe(folder / "run.json")
        try:
            years = load_profile(str(asked["profile"])).evaluate.test_years if asked else ()
        except DenguardError:  # a profile file that is gone by now
            years = ()
        return [folder / f"backtest_{year}.json" for year in years]
    return [folder / f"{_OUTPUT.get(step, step)}.json"]


def _box_of(part: str) -> str:
    """The box that a part belongs to: embed for embed_shard_003, backtest for backtest_2016."""
    name = part.rsplit("_", 1)[0] if part[-3:].isdigit() else part
    return "embed" if name == "embed_shard" else name


def _progress(folder: Path, step: str) -> dict[str, Any] | None:
    files = (folder / "progress").glob(f"{_OUTPUT.get(step, step)}*.json")
    newest = max((p for p in files if _box_of(p.stem) == step), key=_mtime, default=None)
    return _maybe(newest) if newest is not None else None


def _said(step: str, outputs: list[Path]) -> str:
    if step in {"embed", "backtest"}:
        return ""
    found = _maybe(outputs[-1])
    return outcome.said(step, found) if found else ""


def _last_sign(folder: Path, lease: Lease | None) -> datetime:
    signs = [_mtime(p) for p in (*folder.glob("*.json"), *folder.glob("progress/*.json"))]
    if lease is not None:
        signs.append(datetime.fromisoformat(lease.touched))
    return max(signs, default=_mtime(folder))


def _started(folder: Path) -> datetime:
    """A run is as old as its parameters; one that never got any, as its failure."""
    named = [p for p in (folder / "run.json", folder / FAILURE) if p.is_file()]
    return _mtime(named[0]) if named else _NEVER


def _mtime(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:  # replaced this very moment
        return _NEVER


def _maybe(path: Path) -> dict[str, Any] | None:
    return dict(read_json(path)) if path.is_file() else None
