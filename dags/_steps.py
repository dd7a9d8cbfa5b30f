"""A step of pipelines.steps inside the process of an Airflow task."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowRescheduleException

from dags._callbacks import log_failure
from dags._line import enter_line
from dags._links import page_url
from dags._retries import StepFailed
from pipelines.errors import BusyError, DenguardError

log = logging.getLogger(__name__)

# Libraries that tell their own story at INFO, dozens of lines a task.
CHATTY = ("great_expectations", "alembic", "mlflow", "httpx", "matplotlib", "dvc", "dvc_objects")
COME_AGAIN = timedelta(minutes=1)  # how long a run waits before it asks for the lease again


def call_step(name: str, *arguments: Any) -> Any:
    """Run one step of this DAG run; a step's named error ends the log with its cause and fix."""
    from pipelines import steps
    from pipelines.config import places
    from pipelines.run.lock import by_airflow, release
    from pipelines.steps import outcome
    from pipelines.steps.decorator import attempt
    from pipelines.steps.summary import part_name

    for library in CHATTY:
        logging.getLogger(library).setLevel(logging.WARNING)
    context = get_current_context()
    line = enter_line(context)
    run_id, instance = str(context["dag_run"].run_id), context["ti"]
    part = part_name(name, *arguments)
    tried = (instance.map_index, instance.try_number)
    try:
        with attempt(*tried), by_airflow():
            output = getattr(steps, name)(run_id, *arguments)
    except BusyError as busy:  # no failure: a run by hand is at work, so this one comes again
        log.warning("waiting: %s; the next look is in a minute", busy.what)
        raise AirflowRescheduleException(datetime.now(UTC) + COME_AGAIN) from None
    except Exception as err:
        known = outcome.failed_already(places(), run_id, part, instance.try_number)
        log_failure(known or outcome.fail(places(), run_id, part, err, *tried))
        log.info("read on: %s", page_url(run_id, part, line))
        if isinstance(err, DenguardError):
            raise StepFailed(err) from None
        raise
    log.info("read on: %s", page_url(run_id, part, line))
    if name == "report":
        release(places(), run_id)  # run_ended does it too, but may go unheard
    return output


def asked_for() -> dict[str, Any]:
    """This run's parameters: the defaults overlaid by its conf, unknown keys kept to be refused."""
    context = get_current_context()
    return {**dict(context["params"]), **(context["dag_run"].conf or {})}
