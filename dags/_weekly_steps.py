"""The steps of the weekly cycle for Airflow, and what happens when one of its runs is over.

No heavy import here: the scheduler reads this file again and again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk.exceptions import AirflowFailException

from dags._bridge import Bridge, Context, Item, params_of
from dags._line import enter_line, line_of_dag
from dags._links import OutcomeLink, page_url, part_of
from pipelines.errors import BusyError

if TYPE_CHECKING:
    from pipelines.run.outputs import PlanOutput
    from pipelines.steps.failure import Failure


class StepTask(PythonOperator):
    """A step of the pipeline as a task. `operator_extra_links` is read from the class, so it
    has one."""

    operator_extra_links = (OutcomeLink(),)
    custom_operator_name = "step"  # under the task's name in the graph
    ui_color = "#e8f1ee"


class WeeklySteps(Bridge):
    """The functions of pipelines.steps; their run's event file holds how they ended."""

    planning = ("plan_embedding", "backtest_years")
    too_long = (
        "look in the log how far it came; clear the task and it goes on there; if the "
        "machine is slow for good, raise the limit in dags/_limits.py"
    )
    operator = StepTask

    def run(self, context: Context, step: str, item: int | None, title: str) -> list[Item] | None:  # noqa: ARG002 shown in the grid
        """One step of pipelines.steps, under this try's name; the last one frees the lock."""
        from pipelines import steps
        from pipelines.run.lock import by_airflow
        from pipelines.steps.decorator import attempt

        run_id, instance = _run_id(context), context["ti"]
        arguments: list[Any] = [] if item is None else [item]
        if step == "start":
            arguments = [params_of(context)]
        with attempt(instance.map_index, instance.try_number), by_airflow():
            output = getattr(steps, step)(run_id, *arguments)
        if step == "report":
            _free(run_id)  # run_ended does it too, but Airflow may not call it
        return items(step, output) if step in self.planning else None

    def ended(self, context: Context, since_try: int) -> int:
        """By the event file."""
        from pipelines.config import deployment_paths
        from pipelines.steps.history import tries_ended

        return tries_ended(deployment_paths(), _run_id(context), _part(context), since_try)

    def is_recorded(self, context: Context) -> bool:
        """By the step itself, in the event file."""
        return _recorded(context) is not None

    def failure(self, context: Context, error: BaseException | str | None) -> Failure:
        """As the step recorded it; recorded now if the step could not."""
        from pipelines.config import deployment_paths
        from pipelines.steps import outcome

        paths, run_id, part, task = (
            deployment_paths(),
            _run_id(context),
            _part(context),
            context["ti"],
        )
        tried = (task.map_index, task.try_number)
        return _recorded(context) or outcome.fail(paths, run_id, part, error, *tried)

    def page(self, context: Context) -> str:
        """The page of this step."""
        line = line_of_dag(str(getattr(context["dag_run"], "dag_id", "")))
        return page_url(_run_id(context), _part(context), line)


WEEKLY = WeeklySteps()


def items(step: str, output: PlanOutput | list[int]) -> list[Item]:
    """What a planning step found to map over: each item with the name that Airflow's grid shows.

    Raises:
        AirflowFailException: nothing; mapping over it would skip the rest and count as success.
    """
    if isinstance(output, list):
        numbers, named = output, [f"test year {year}" for year in output]
    else:
        numbers, named = list(output.shards), list(output.titles)
    if not numbers:
        raise AirflowFailException(f"{step} found nothing to map over, at least one is expected")
    return [{"item": number, "title": title} for number, title in zip(numbers, named, strict=True)]


def run_ended(context: Context) -> None:
    """A DAG run is over, well or not: free the lock, and alert people to what changed."""
    from pipelines.config import deployment_paths
    from pipelines.ops.alerts import send_alerts
    from pipelines.steps.outcome import settle

    enter_line(context)
    run_id = str(context.get("run_id") or _run_id(context))
    _free(run_id)
    send_alerts(deployment_paths())
    settle(deployment_paths(), run_id)  # what was recorded here may be over on another machine


def _free(run_id: str) -> None:
    from pipelines.config import deployment_paths
    from pipelines.run.lock import release

    with suppress(BusyError):  # somebody runs this very run by hand: the lock is theirs
        release(deployment_paths(), run_id)


def _run_id(context: Context) -> str:
    return str(context["dag_run"].run_id)


def _part(context: Context) -> str:
    return part_of(context["ti"], _run_id(context))


def _recorded(context: Context) -> Failure | None:
    from pipelines.config import deployment_paths
    from pipelines.steps import outcome

    tried = context["ti"].try_number
    return outcome.failed_already(deployment_paths(), _run_id(context), _part(context), tried)
