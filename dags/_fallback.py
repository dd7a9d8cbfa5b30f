"""The fallback forecast as a task of Airflow: beside a run, or at the deadline.

It runs on the queue of the release steps: their machine holds the audit and the events. No heavy
import here: the scheduler reads this file again and again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import TriggerRule, get_current_context

from dags._bridge import log_failure
from dags._line import enter_line
from dags._links import FALLBACK
from dags._retries import StepFailed
from dags._shared import LIGHT
from pipelines.errors import DenguardError

if TYPE_CHECKING:
    from pipelines.run.outputs import FallbackOutput

log = logging.getLogger(__name__)


def run_fallback() -> None:
    """Forecast from the last accepted data in place of this run, one of whose steps is red."""
    from pipelines import steps

    context = get_current_context()
    enter_line(context)
    run_id = str(context["dag_run"].run_id)
    _made(lambda: steps.fallback(run_id=run_id), run_id, context)


def at_deadline(line: str, profile: str) -> None:
    """The same for a line none of whose runs has finished by its deadline; then alert people."""
    from pipelines import steps
    from pipelines.config import at_line, deployment_paths
    from pipelines.ops.alerts import send_alerts

    context = get_current_context()
    with at_line(line):
        _made(lambda: steps.at_deadline(profile), "", context)
        send_alerts(deployment_paths())


def fallback_task() -> PythonOperator:
    """Runs as soon as a step is red. It is a leaf beside the report, so the run stays red."""
    return PythonOperator(
        task_id=FALLBACK,
        python_callable=run_fallback,
        trigger_rule=TriggerRule.ONE_FAILED,
        queue=LIGHT,
        execution_timeout=timedelta(minutes=60),
        show_return_value_in_logs=False,
        doc_md=(
            "If a step is red: the champion forecasts from the last accepted data. The run stays "
            "red."
        ),
    )


def _made(make: Callable[[], FallbackOutput], run_id: str, context: Any) -> None:
    from pipelines.config import deployment_paths
    from pipelines.run.events import note
    from pipelines.steps import failure

    try:
        log.warning("%s", make().note)
    except DenguardError as err:
        number = context["ti"].try_number
        failed = failure.Failure(
            run_id=run_id, step=FALLBACK, try_number=number, **failure.cause_of(err)
        )
        note(deployment_paths(), "step-failed", run_id, failed.to_json())
        log_failure(failed)
        raise StepFailed(err) from None
