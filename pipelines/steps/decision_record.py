"""The record of a run's decision, and of every one that it made before.

    artifacts/decisions/<run>.json              the newest
    artifacts/decisions/earlier/<run>.1.json    the ones before it, in their order

A person may clear `train` and what follows, and the gate decides again. People and the audit went
by the first decision, so it is kept, and the newest one names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.errors import StoreError
from pipelines.run import Run
from pipelines.storage import read_json, write_json

NUMBER, BEFORE = "decision_no", "decided_before"  # keys of a record that is not the run's first


def keep(run: Run, decision: Mapping[str, object]) -> None:
    """Write a decision as the run's newest. The same one again changes nothing."""
    path = _path(run)
    before = _before(run)
    told = dict(decision)
    if before is not None:
        number = number_of(before)
        if _without_numbers(before) == told:
            run.name(path)
            return
        earlier = path.parent / "earlier" / f"{run.run_id}.{number}.json"
        named = run.name(write_json(earlier, before))
        told |= {NUMBER: number + 1, BEFORE: named}
    run.name(write_json(path, told))


def number_of(record: Mapping[str, object]) -> int:
    """Which of its run's decisions a record is, from 1."""
    number = record.get(NUMBER, 1)
    return number if isinstance(number, int) else 1


def reason_for_audit(run: Run, reason: str) -> str:
    """The reason of a promotion as the audit holds it: it names which decision of the run it was,
    if it was not the first."""
    record = _before(run) or {}
    number = number_of(record)
    return reason if number == 1 else f"{reason} (decision {number} of the run; {record[BEFORE]})"


def _before(run: Run) -> dict[str, object] | None:
    """The newest record, of whichever machine; None if there is none, or none that can be read."""
    try:
        return read_json(run.path(f"artifacts/decisions/{run.run_id}.json"))
    except StoreError:
        return None


def _path(run: Run) -> Path:
    return run.paths.artifacts / "decisions" / f"{run.run_id}.json"


def _without_numbers(record: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in record.items() if name not in (NUMBER, BEFORE)}
