"""The parts of a box as a run's files show them: a step, or one shard or year of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipelines.config import Places, TestYears, load_profile
from pipelines.errors import DenguardError
from pipelines.run.lease import Lease
from pipelines.run.outputs import PlanOutput, SnapshotOutput
from pipelines.run.progress import spell
from pipelines.steps import failure, summary
from pipelines.steps.failure import Failure
from pipelines.storage import read_json

State = Literal["done", "earlier", "running", "failed", "not yet"]
STATE_WORDS: dict[State, str] = {
    "done": "done",
    "earlier": "done",
    "running": "running",
    "failed": "failed",
    "not yet": "not yet",
}
NEVER = datetime.min.replace(tzinfo=UTC)
# Boxes that are cut, and the step that does one part of them.
CUT = {"embed": "embed_shard", "backtest": "backtest"}
_OUTPUT = {"start": "run", "embed_shard": "embed"}  # where an output is, if not in <part>.json


@dataclass(frozen=True)
class Part:
    """One part of a box.

    Attributes:
        name: such as `validate`, `embed_shard_003`, `backtest_2016`.
        state: `earlier` = done before an earlier step was run again.
        ended: when its output was written, UTC.
        said: what came of it, or why it failed.
        progress: {step, label, done, total, eta_s, at} as it was written last, or None.
        failure: what stands against it, or None.
        documents: title -> path relative to home, of those that are there.
    """

    name: str
    state: State
    ended: datetime
    said: str
    progress: dict[str, Any] | None
    failure: Failure | None
    documents: dict[str, str] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """The state for people."""
        return STATE_WORDS[self.state]


def parts_of(
    where: Places, folder: Path, box: str, lease: Lease | None, before: datetime
) -> tuple[Part, ...]:
    """Parts of a box in order; of one that is cut nobody knows how yet, the step itself.

    Args:
        lease: the run's, if it is at work.
        before: when the newest of the boxes in front ended.
    """
    step = CUT.get(box, box)
    return tuple(
        _part(where, folder, step, name, lease, before) for name in _names(folder, box, step)
    )


def counted(progress: dict[str, Any], now: datetime) -> str:
    """Progress in words: done, total, items left, ETA, and its age if nothing was heard since."""
    left = int(progress["total"]) - int(progress["done"])
    said = f"{progress['label']}: {progress['done']}/{progress['total']}"
    if left <= 0:
        return said
    heard = (now - datetime.fromisoformat(progress["at"])).total_seconds()
    aged = f" ({spell(heard)} ago)" if heard > 60 else ""
    return f"{said}, {left} left, ETA {spell(progress['eta_s'])}{aged}"


def mtime(path: Path) -> datetime:
    """When a file was written, UTC; NEVER if it is not there."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return NEVER


def maybe(path: Path) -> dict[str, Any] | None:
    """A record, or None if it is not there. Raises StoreError if it is damaged."""
    return dict(read_json(path)) if path.is_file() else None


def _names(folder: Path, box: str, step: str) -> list[str]:
    if box not in CUT:
        return [box]
    names = {failure.part_name(step, number) for number in _numbers(folder, box)}
    names |= {path.stem for path in (folder / failure.FAILURES).glob(f"{step}_*.json")}
    return sorted(names) or [step]


def _numbers(folder: Path, box: str) -> list[int]:
    """Shards of the plan, or test years of the run; empty while they are not known."""
    if box == "embed":
        plan = PlanOutput.left_in(folder)
        return list(plan.shards) if plan else []
    asked = maybe(folder / "run.json")
    try:
        wanted = load_profile(str(asked["profile"])).evaluate.test_years if asked else ()
    except DenguardError:  # a profile file that is gone by now
        return []
    if isinstance(wanted, TestYears):
        snap = SnapshotOutput.left_in(folder)
        return list((snap.test_years if snap else None) or ())
    return list(wanted)


def _part(
    where: Places, folder: Path, step: str, name: str, lease: Lease | None, before: datetime
) -> Part:
    path = folder / f"{name.replace(step, _OUTPUT.get(step, step), 1)}.json"
    output, ended = maybe(path), mtime(path)
    progress, failed = maybe(folder / "progress" / f"{name}.json"), failure.active(folder, name)
    refused = mtime(folder / failure.FAILURES / f"{name}.json")
    if lease is not None and _at_work(name, lease, max(ended, refused), progress):
        return Part(name, "running", ended, "", progress, failed)
    if failed is not None:
        return Part(name, "failed", ended, failed.cause, progress, failed)
    if output is None:
        return Part(name, "not yet", ended, "", progress, None)
    made = summary.read(step, output)
    named = summary.artifacts_of(folder.name, made)
    there = {title: path for title, path in named.items() if (where.home / path).is_file()}
    state: State = "earlier" if lease is not None and ended < before else "done"
    return Part(name, state, ended, summary.summarise(made), progress, None, there)


def _at_work(name: str, lease: Lease, last: datetime, progress: dict[str, Any] | None) -> bool:
    """The lease names the part that began last; of several at once the others show by progress.

    Args:
        last: when the part ended or failed last.
    """
    if lease.step == name:
        return last < datetime.fromisoformat(lease.touched)
    heard = datetime.fromisoformat(progress["at"]) if progress else NEVER
    return heard >= datetime.fromisoformat(lease.since) and heard > last
