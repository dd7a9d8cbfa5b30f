"""What Airflow calls when a task failed or a run is over.

No heavy import here: the scheduler reads this file again and again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowTaskTimeout

from dags._line import enter_line
from dags._links import FALLBACK, part_of
from pipelines.errors import BusyError, DenguardError

if TYPE_CHECKING:
    from pipelines.steps.failure import Failure

log = logging.getLogger(__name__)


def on_failure(context: Mapping[str, Any]) -> None:
    """Put in writing what no step could: that its process died or took longer than its limit.

    Airflow calls this in the task's process, or elsewhere if that one is gone.
    """
    from pipelines.config import places
    from pipelines.steps import outcome

    enter_line(context)
    instance, run_id = context["ti"], context["dag_run"].run_id
    if (
        instance.task_id == FALLBACK
    ):  # what it says is in its log; the run is red for another reason
        return
    part, tried = part_of(instance, run_id), instance.try_number
    if outcome.failed_already(places(), run_id, part, tried) is not None:
        return
    error = context.get("exception")
    if isinstance(error, AirflowTaskTimeout):
        error = DenguardError(
            "the step took longer than its limit",
            where=instance.task_id,
            fix=(
                "look in the log how far it came; clear the task and it goes on there; if the "
                "machine is slow for good, raise the limit in dags/_weekly.py"
            ),
        )
    log_failure(outcome.fail(places(), run_id, part, error, instance.map_index, tried))


def run_ended(context: Mapping[str, Any]) -> None:
    """A DAG run is over, well or not: give back the lease, and tell people what changed."""
    from pipelines.config import places
    from pipelines.ops.alerts import tell
    from pipelines.run.lock import release

    enter_line(context)
    run_id = str(context.get("run_id") or context["dag_run"].run_id)
    with suppress(BusyError):  # somebody walks this very run on by hand: the lease is theirs
        release(places(), run_id)
    tell(places())


def log_failure(said: Failure) -> None:
    """Log a failure as STEP, CAUSE, WHERE, WHAT TO DO."""
    from pipelines.steps import failure

    for line in failure.lines(said):
        log.error(line)
