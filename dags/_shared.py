"""What every DAG of denguard shares: its boxes, queues, limits, Assets and the failure callback.

Belongs here: how a step of pipelines.steps becomes an Airflow task. Does not belong here: what a
step does, and any heavy import, because the scheduler reads this file again and again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import Asset, Param, RetryDecision, RetryPolicy, get_current_context
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowTaskTimeout,
)

from dags._links import OutcomeLink, page_url, part_of
from pipelines.config import profile_names
from pipelines.errors import (
    BusyError,
    ConfigError,
    DenguardError,
    DropError,
    LeakageError,
    ValidationStopped,
)

log = logging.getLogger(__name__)

LIGHT, HEAVY = "default", "cpu-heavy"  # queues: a heavy worker takes one task at a time
# Trying again cannot help: the drop, the parameters or the code must change first.
NOT_RETRIED = (ConfigError, DropError, LeakageError, ValidationStopped)
# Libraries that tell their own story at INFO, dozens of lines a task.
CHATTY = ("great_expectations", "alembic", "mlflow", "httpx", "matplotlib", "dvc", "dvc_objects")

COME_AGAIN = timedelta(minutes=1)  # how long a run waits before it asks for the lease again
PLANNING = ("plan_embedding", "backtest_years")  # what they find is mapped over

DATASET = Asset("denguard://dataset")
EMBEDDINGS = Asset("denguard://embeddings")
CHAMPION = Asset("denguard://champion")
FORECAST = Asset("denguard://forecast")

PARAMS = {
    "profile": Param(
        os.environ.get("DENGUARD_PROFILE", "sample"),
        enum=profile_names(),
        description="Which data set and settings to run with.",
    ),
    "as_of": Param(
        None,
        type=["null", "string"],
        pattern=r"^\d{4}-w\d{2}$",
        description="Origin week of the bulletin, such as 2018-w48; empty = the newest complete week.",
    ),
    "horizons": Param(
        None,
        type=["null", "array"],
        items={"type": "integer", "minimum": 0, "maximum": 12},
        minItems=1,
        uniqueItems=True,
        description="Weeks ahead to forecast (0 to 12); empty = the profile's.",
    ),
    "force": Param(False, type="boolean", description="Train and judge even if nothing is new."),
}


class StepFailed(SystemExit):
    """A named error of a step, whose cause and fix are in the log already.

    Airflow logs every exception with its traceback, whatever is raised `from None`; SystemExit is
    the only one that it logs as one line. It is retried, or not, like any other (RetryPolicy).
    """

    def __init__(self, error: DenguardError) -> None:
        super().__init__(type(error).__name__)
        self.error = error


class RetryWhatMayPass(RetryPolicy):
    """Try again what passes by itself (a lock, a full disk, a service that restarts)."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Any = None) -> RetryDecision:  # noqa: ARG002 Airflow's signature # fmt: skip
        """Fail at once where trying again cannot help."""
        if isinstance(getattr(exception, "error", None), NOT_RETRIED):
            return RetryDecision.fail("the drop, the parameters or the code must change first")
        return RetryDecision.default()


def on_failure(context: Mapping[str, Any]) -> None:
    """Put in writing what no step could: that its process died or took longer than its limit.

    Airflow calls this in the task's process, or elsewhere if that one is gone.
    """
    from pipelines.config import places
    from pipelines.run import run_folder
    from pipelines.steps import failure

    instance, run_id = context["ti"], context["dag_run"].run_id
    folder, part = run_folder(places(), run_id), part_of(instance, run_id)
    known = failure.standing(folder, part)
    if known is not None and known["try_number"] == instance.try_number:
        return  # the step itself said so
    error = context.get("exception")
    if isinstance(error, AirflowTaskTimeout):
        error = DenguardError("the step took longer than its limit", where=instance.task_id, fix="look in the log how far it came; clear the task and it goes on there; if the machine is slow for good, raise the limit in dags/retraining.py")  # fmt: skip
    tell(failure.record(folder, part, error, instance.map_index, instance.try_number))


def tell(said: dict[str, Any]) -> None:
    """Log a failure as STEP, CAUSE, WHERE, WHAT TO DO."""
    from pipelines.steps import failure

    for line in failure.lines(said):
        log.error(line)


def call_step(name: str, *arguments: Any) -> Any:
    """Run one step of this DAG run; a step's named error ends the log with its cause and fix."""
    from pipelines import steps
    from pipelines.config import places
    from pipelines.run import run_folder
    from pipelines.run_lock import by_airflow, release
    from pipelines.steps import failure
    from pipelines.steps.box import attempt

    for library in CHATTY:
        logging.getLogger(library).setLevel(logging.WARNING)
    context = get_current_context()
    run_id, instance = str(context["dag_run"].run_id), context["ti"]
    folder, part = run_folder(places(), run_id), failure.part_name(name, *arguments)
    tried = (instance.map_index, instance.try_number)
    try:
        with attempt(*tried), by_airflow():
            output = getattr(steps, name)(run_id, *arguments)
    except BusyError as busy:  # no failure: a run by hand is at work, so this one comes again
        log.warning("waiting: %s; the next look is in a minute", busy.what)
        raise AirflowRescheduleException(datetime.now(UTC) + COME_AGAIN) from None
    except Exception as err:
        tell(failure.record(folder, part, err, *tried))
        log.info("read on: %s", page_url(run_id, part))
        if isinstance(err, DenguardError):
            raise StepFailed(err) from None
        raise
    failure.forget(folder, part)
    log.info("read on: %s", page_url(run_id, part))
    if name == "report":
        release(places(), run_id)  # run_ended does it too, but may go unheard
    return output


def run_ended(context: Mapping[str, Any]) -> None:
    """A DAG run is over, well or not: give back the lease, and tell people what changed."""
    from pipelines.config import places
    from pipelines.ops.alerts import tell as tell_people
    from pipelines.run_lock import release

    run_id = str(context.get("run_id") or context["dag_run"].run_id)
    with suppress(BusyError):  # somebody walks this very run on by hand: the lease is theirs
        release(places(), run_id)
    tell_people(places())


def asked_for() -> dict[str, Any]:
    """This run's parameters: the defaults overlaid by its conf, unknown keys kept to be refused."""
    context = get_current_context()
    return {**dict(context["params"]), **(context["dag_run"].conf or {})}


def items(step: str, output: Any) -> list[dict[str, Any]]:
    """What a planning step found to map over: each item with the name that Airflow's grid shows.

    Raises:
        AirflowFailException: nothing; mapping over it would skip the rest and count as success.
    """
    named = output["titles"] if step == "plan_embedding" else [f"test year {y}" for y in output]
    numbers = output["shards"] if step == "plan_embedding" else output
    if not numbers:
        raise AirflowFailException(f"{step} found nothing to map over, at least one is expected")
    return [{"item": number, "title": title} for number, title in zip(numbers, named, strict=True)]


class Box(PythonOperator):
    """A step of the road as a task. `operator_extra_links` is read from the class, so it has one."""

    operator_extra_links = (OutcomeLink(),)
    custom_operator_name = "step"  # under the task's name in the graph
    ui_color = "#e8f1ee"


def box(step: str, *, minutes: int, doc: str, queue: str = LIGHT, outlets: Sequence[Asset] = (), over: Box | None = None) -> Any:  # fmt: skip
    """A task that calls one function of pipelines.steps; mapped if `over` names the planning task."""

    def run_box(item: int | None = None, title: str = "") -> Any:  # noqa: ARG001 shown in the grid
        if step == "start":
            call_step(step, asked_for())
            return None
        output = call_step(step, *(() if item is None else (item,)))
        return items(step, output) if step in PLANNING else None

    about: dict[str, Any] = {
        "task_id": step,
        "python_callable": run_box,
        "queue": queue,
        "doc_md": doc,
        "outlets": list(outlets),
        "execution_timeout": timedelta(minutes=minutes),
        "show_return_value_in_logs": False,  # the step's last line says it for people
        "do_xcom_push": step in PLANNING,
    }
    if over is None:
        return Box(**about)
    named = "{{ task.op_kwargs['title'] }}"
    return Box.partial(**about, map_index_template=named).expand(op_kwargs=over.output)


DEFAULT_ARGS: dict[str, Any] = {
    "owner": "denguard",
    "retries": 2,
    "retry_policy": RetryWhatMayPass(),
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "on_failure_callback": on_failure,
    "on_retry_callback": on_failure,
}
