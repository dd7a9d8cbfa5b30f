"""A failed step in words: which step, the cause, where, and what to do, for people."""

from __future__ import annotations

import textwrap

from pipelines.errors import DenguardError
from pipelines.run.outputs import Record

FAILURE = "failure.json"  # of a run's folder: the newest failure that stands, for people
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


def _under(name: str, text: str) -> list[str]:
    """Airflow's log view scrolls sideways: long texts are broken."""
    return textwrap.wrap(
        text, 100, initial_indent=f"{name:<12}", subsequent_indent=" " * 12, break_on_hyphens=False
    )
