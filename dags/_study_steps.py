"""A step of pipelines.paper.reproduce inside the process of an Airflow task."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowTaskTimeout

from dags._callbacks import log_failure
from dags._retries import StepFailed
from dags._steps import CHATTY, COME_AGAIN, asked_for
from pipelines.errors import BusyError, DenguardError, StoreError

if TYPE_CHECKING:
    from pipelines.config import Places
    from pipelines.paper.reproduce import Request

log = logging.getLogger(__name__)

SHARDS = 8  # most embedding tasks a vector space
PLANNED = {"start": "work", "plan_training": "groups"}  # what they find in the plan is mapped over
Item = dict[str, Any]


def call(step: str, item: int | None = None, title: str = "") -> list[Item] | None:
    """Run one step of this DAG run; a named error ends the log with its cause and fix.

    Returns:
        What the next task is mapped over, of the steps in PLANNED.
    """
    from pipelines.config import places
    from pipelines.paper import reproduce
    from pipelines.paper.lock import at_work

    for library in CHATTY:
        logging.getLogger(library).setLevel(logging.WARNING)
    try:
        where = places()
        request = reproduce.ask(asked_for(), where.home)
        with at_work(request.folder, together=True):
            return _walked(step, request, where, item, title)
    except BusyError as busy:  # the command is at work in the same folder: this task comes again
        log.warning("waiting: %s; the next look is in a minute", busy.what)
        raise AirflowRescheduleException(datetime.now(UTC) + COME_AGAIN) from None
    except DenguardError as err:
        _say(err, get_current_context())
        raise StepFailed(err) from None


def _walked(
    step: str, request: Request, where: Places, item: int | None, title: str
) -> list[Item] | None:
    from pipelines.paper import reproduce

    if step == "start":
        return items(step, reproduce.start(request, where, SHARDS))
    if step == "plan_training":
        return items(step, reproduce.read_plan(request.folder))
    if step == "report":
        done = reproduce.report(request.folder)
        log.info("\n".join((done["first_line"], *done["tables"], done["report"])))
        return None
    if step == "measure":
        output = reproduce.measure(request.folder, where)
    else:
        _check_planned(step, request, item, title)
        output = getattr(reproduce, step)(request.folder, item, where)
    log.info(", ".join(f"{key}: {value}" for key, value in output.items()))
    return None


def items(step: str, plan: Mapping[str, Any]) -> list[Item]:
    """What a plan maps the next task over, each with the name that Airflow's grid shows; never
    none, because mapping over nothing skips the rest and the run would count as a success."""
    if step == "start":
        titles = [item["title"] for item in plan["work"]]
    else:
        titles = [f"{name}, {fusion.replace('_', '-')}" for name, fusion in plan["groups"]]
    found = [{"item": number, "title": title} for number, title in enumerate(titles)]
    return found or [{"item": None, "title": "nothing can run here: see the not-run list"}]


def _check_planned(step: str, request: Request, item: int | None, title: str) -> None:
    """The command may have planned anew with other approaches between two tasks."""
    from pipelines.paper.reproduce import read_plan

    plan, planner = read_plan(request.folder), "start" if step == "embed" else "plan_training"
    if {"item": item, "title": title} not in items(planner, plan):
        raise StoreError(
            f"{title} is no longer planned: another reproduction planned this folder anew",
            where=str(request.folder),
            fix="clear the task start of this run, and what follows it",
        )


def on_failure(context: Mapping[str, Any]) -> None:
    """Say what the step could not: that it took longer than its limit, or a fault without
    a name."""
    error = context.get("exception")
    if isinstance(error, StepFailed):
        return
    if isinstance(error, AirflowTaskTimeout):
        error = DenguardError(
            "the step took longer than its limit",
            fix=(
                "it is tried again by itself, then clear the task: each time it goes on where it "
                "stopped"
            ),
        )
    _say(error, context)


def _say(error: BaseException | str | None, context: Mapping[str, Any]) -> None:
    from pipelines.steps.failure import Failure, cause_of

    instance = context["ti"]
    log_failure(
        Failure(
            run_id=str(context["dag_run"].run_id),
            step=instance.task_id,
            try_number=instance.try_number,
            **cause_of(error),
        )
    )
