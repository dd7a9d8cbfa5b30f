"""What every box of the road gets for free: progress that others can read, and a failure in writing.

Belongs here: what surrounds a step, whoever calls it. Does not belong here: what a step does.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from pipelines.config import places
from pipelines.errors import DenguardError
from pipelines.progress import bound
from pipelines.run import run_folder
from pipelines.storage import read_json, write_json

P = ParamSpec("P")
Output = dict[str, Any]
FAILURE = "failure.json"
_READ_LOG = "read the log; correct the cause and run the step again, it goes on where it stopped"


def box(step: Callable[Concatenate[str, P], Output]) -> Callable[Concatenate[str, P], Output]:
    """Surround a step; its first argument is the run id, further ones name its part (shard, year)."""

    @functools.wraps(step)
    def walked(run_id: str, *args: P.args, **kwargs: P.kwargs) -> Output:
        name = step.__name__
        part = "_".join([name, *(f"{a:03d}" for a in args if isinstance(a, int))])
        folder = run_folder(places(), run_id)
        with bound(folder / "progress" / f"{part}.json", part):
            try:
                output = step(run_id, *args, **kwargs)
            except Exception as err:
                write_json(folder / FAILURE, {"run_id": run_id, "step": part, **cause_of(err)})
                raise
        _forget_failure(folder, part)
        return output

    return walked


def cause_of(error: BaseException) -> dict[str, str]:
    """What happened, where and what to do, for people; no traceback."""
    if isinstance(error, DenguardError):
        return {"error": type(error).__name__, "cause": error.what, "where": error.where, "fix": error.fix}  # fmt: skip
    said = (str(error).strip() or type(error).__name__).splitlines()[0][:500]
    return {"error": type(error).__name__, "cause": said, "where": "", "fix": _READ_LOG}


def _forget_failure(folder: Any, part: str) -> None:
    """A failure that this part recorded before is over; another part's stays."""
    path = folder / FAILURE
    if path.is_file() and read_json(path).get("step") == part:
        path.unlink()
