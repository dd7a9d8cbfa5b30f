"""A failed step in writing: which step, the cause, where, and what to do, for people.

`failures/<part>.json` of the run's folder holds the last failure of each part (a step, or one shard
or year of it) that still stands; `failure.json` is the newest of them, for whoever asks why a run
is red.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from pipelines.errors import DenguardError
from pipelines.run.outputs import Record
from pipelines.storage import read_json, write_json

FAILURE, FAILURES = "failure.json", "failures"
_READ_LOG = "read the log; correct the cause and run the step again, it goes on where it stopped"
_DIED = "the step's process ended without a word: out of memory, killed, or the machine went down"
_AGAIN = (
    "look at the machine's memory; then run the step again (in Airflow: clear the task), it goes "
    "on where it stopped"
)


class Failure(Record):
    """A failed part of a run, with `fix` as what to do; `map_index` is -1 if it is not mapped."""

    run_id: str
    step: str
    map_index: int = -1
    try_number: int = 1
    error: str
    cause: str
    where: str
    fix: str


def part_name(step: str, *items: object) -> str:
    """How one part of a step is called: `embed_shard_003`, `backtest_2016`, or the step's
    own name."""
    return "_".join([step, *(f"{item:03d}" for item in items if isinstance(item, int))])


def record(
    folder: Path,
    part: str,
    error: BaseException | str | None,
    map_index: int = -1,
    try_number: int = 1,
) -> Failure:
    """Write a part's failure into the run's folder and return it.

    Args:
        error: the exception; or what is known of a process that died, None if nothing is.
        map_index: number of the mapped task, -1 if the step is not mapped.
    """
    said = Failure(
        run_id=folder.name,
        step=part,
        map_index=map_index,
        try_number=try_number,
        **cause_of(error),
    )
    write_json(folder / FAILURES / f"{part}.json", said.to_json())
    write_json(folder / FAILURE, said.to_json())
    return said


def active(folder: Path, part: str) -> Failure | None:
    """The failure of a part that is not resolved yet, or None."""
    return _read(folder / FAILURES / f"{part}.json")


def of_run(folder: Path) -> Failure | None:
    """Why a run is red, None if it is not. Raises StoreError if that is damaged."""
    return _read(folder / FAILURE)


def resolve(folder: Path, part: str) -> None:
    """This part is done: its failure is over; the newest of the others, if any, is now the
    run's."""
    mine = folder / FAILURES / f"{part}.json"
    if not mine.is_file():
        return
    mine.unlink(missing_ok=True)
    others = sorted(mine.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
    if others:
        write_json(folder / FAILURE, read_json(others[-1]))
    else:
        (folder / FAILURE).unlink(missing_ok=True)


def cause_of(error: BaseException | str | None) -> dict[str, str]:
    """Error, cause, where and fix of what happened; no traceback."""
    if isinstance(error, DenguardError):
        return {
            "error": type(error).__name__,
            "cause": error.what,
            "where": error.where,
            "fix": error.fix or _READ_LOG,
        }
    if isinstance(error, BaseException):
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:500]
        return {"error": type(error).__name__, "cause": said, "where": "", "fix": _READ_LOG}
    detail = f" ({error.strip().splitlines()[0][:300]})" if error and error.strip() else ""
    return {"error": "Stopped", "cause": f"{_DIED}{detail}", "where": "", "fix": _AGAIN}


def as_fields(said: Failure) -> dict[str, str]:
    """A failure for people: STEP, CAUSE, WHERE and WHAT TO DO, in logs, pages and on a terminal."""
    attempt = f", try {said.try_number}" if said.try_number > 1 else ""
    return {
        "STEP": f"{said.step}{attempt}",
        "CAUSE": f"{said.cause} [{said.error}]",
        "WHERE": said.where or f"the run {said.run_id}",
        "WHAT TO DO": said.fix,
    }


def lines(said: Failure) -> list[str]:
    """The same as short lines; none is cut off."""
    return [line for name, text in as_fields(said).items() for line in _under(name, text)]


def _read(path: Path) -> Failure | None:
    return Failure.parse(read_json(path), str(path)) if path.is_file() else None


def _under(name: str, text: str) -> list[str]:
    """Airflow's log view scrolls sideways: long texts are broken."""
    return textwrap.wrap(
        text, 100, initial_indent=f"{name:<12}", subsequent_indent=" " * 12, break_on_hyphens=False
    )
