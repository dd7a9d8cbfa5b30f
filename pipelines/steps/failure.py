"""A failed step in words: which step, the cause, where, and what to do, for people."""

from __future__ import annotations

import textwrap

from pipelines.errors import DenguardError, EndedError
from pipelines.run.outputs import Record

ENDED = ("Stopped", EndedError.__name__)  # errors of a try that could not say why itself
FAILURE = "failure.json"  # of a run's folder: the newest failure that is not over, for people
_READ_LOG = "read the log; correct the cause and run the step again, it goes on where it stopped"
_DIED = (
    "the step's process ended without an error message: out of memory, killed, or the machine went "
    "down"
)
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
        message = (str(error).strip() or type(error).__name__).splitlines()[0][:500]
        return {"error": type(error).__name__, "cause": message, "where": "", "fix": _READ_LOG}
    detail = f" ({error.strip().splitlines()[0][:300]})" if error and error.strip() else ""
    return {"error": ENDED[0], "cause": f"{_DIED}{detail}", "where": "", "fix": _AGAIN}


def as_fields(failed: Failure) -> dict[str, str]:
    """A failure for people: STEP, CAUSE, WHERE and WHAT TO DO, in logs, pages and on a terminal."""
    attempt = f", try {failed.try_number}" if failed.try_number > 1 else ""
    return {
        "STEP": f"{failed.step}{attempt}",
        "CAUSE": f"{failed.cause} [{failed.error}]",
        "WHERE": failed.where or f"the run {failed.run_id}",
        "WHAT TO DO": failed.fix,
    }


def lines(failed: Failure) -> list[str]:
    """The same as short lines; no text is cut off."""
    return [line for name, text in as_fields(failed).items() for line in _under(name, text)]


def _under(name: str, text: str) -> list[str]:
    """Airflow's log view scrolls sideways: long texts are broken."""
    return textwrap.wrap(
        text, 100, initial_indent=f"{name:<12}", subsequent_indent=" " * 12, break_on_hyphens=False
    )
