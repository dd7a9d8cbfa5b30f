"""How a step began and ended, as lines of the event file. All write them here but the fallback
forecast, which notes its own failure: it must not take the place of the step's in `failure.json`.

`failure.json` of the run's folder repeats the newest failure that is not over, for people who look
there; nothing but older versions' runs is read from it.
"""

from __future__ import annotations

import logging

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.run import run_folder
from pipelines.run.events import note
from pipelines.steps import summary
from pipelines.steps.failure import FAILURE, Failure, cause_of
from pipelines.steps.history import history
from pipelines.storage import write_json

log = logging.getLogger(__name__)


def begin(paths: DeploymentPaths, run_id: str, part: str, try_number: int = 0) -> None:
    """A part of a run begins; by hand it has no number of a try."""
    tried = {"try": try_number} if try_number else {}
    note(paths, "step-started", run_id, {"step": part, **tried})


def finish(paths: DeploymentPaths, run_id: str, part: str, output: object) -> None:
    """A part is done: its failure is over; the newest of the others, if any, is now the run's."""
    note(paths, "step-done", run_id, {"step": part, **summary.end_facts(run_id, output)})
    settle(paths, run_id)


def settle(paths: DeploymentPaths, run_id: str) -> None:
    """Let `failure.json` of this machine say what the lines of all machines say, if it is here."""
    shown = run_folder(paths, run_id) / FAILURE
    if not shown.is_file():
        return
    if other := history(paths, run_id).failure:
        write_json(shown, other.to_json())
    else:
        shown.unlink(missing_ok=True)


def fail(
    paths: DeploymentPaths,
    run_id: str,
    part: str,
    error: BaseException | str | None,
    map_index: int = -1,
    try_number: int = 1,
) -> Failure:
    """A part failed. Where that cannot be written down, as on a full disk, the log has to do: the
    part's own error is what people must read.

    Args:
        error: the exception; or what is known of a process that died, None if nothing is known.
        map_index: number of the mapped task, -1 if the step is not mapped.
    """
    failed = Failure(
        run_id=run_id,
        step=part,
        map_index=map_index,
        try_number=try_number,
        **cause_of(error),
    )
    try:
        _write_down(paths, failed)
    except StoreError as err:
        log.warning("that %s failed could not be written down: %s", part, err)
    return failed


def _write_down(paths: DeploymentPaths, failed: Failure) -> None:
    note(paths, "step-failed", failed.run_id, failed.to_json())
    write_json(run_folder(paths, failed.run_id) / FAILURE, failed.to_json())
    if history(paths, failed.run_id).part(failed.step).is_past(failed):
        settle(paths, failed.run_id)


def failed_already(
    paths: DeploymentPaths, run_id: str, part: str, try_number: int
) -> Failure | None:
    """The failure that was recorded for this try, or None."""
    known = history(paths, run_id).part(part).failure
    return known if known is not None and known.try_number == try_number else None
