"""A step of the pipeline as a task in Airflow's graph.

No heavy import here: the scheduler reads this file again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowFailException

from dags._links import OutcomeLink
from dags._shared import LIGHT
from dags._steps import asked_for, call_step

if TYPE_CHECKING:
    from pipelines.run.outputs import PlanOutput

PLANNING = ("plan_embedding", "backtest_years")  # what they find is mapped over


class Box(PythonOperator):
    """A step of the pipeline as a task. `operator_extra_links` is read from the class, so it
    has one."""

    operator_extra_links = (OutcomeLink(),)
    custom_operator_name = "step"  # under the task's name in the graph
    ui_color = "#e8f1ee"


def box(
    step: str,
    *,
    minutes: int,
    doc: str,
    queue: str = LIGHT,
    outlets: Sequence[Asset] = (),
    over: Box | None = None,
) -> Any:
    """A task that calls one function of pipelines.steps; mapped if `over` names the
    planning task."""

    def run_box(item: int | None = None, title: str = "") -> Any:  # noqa: ARG001 shown in the grid
        if step == "start":
            call_step(step, asked_for())
            return None
        output = call_step(step, *(() if item is None else (item,)))
        return items(step, output) if step in PLANNING else None

    return operator(
        Box,
        over,
        task_id=step,
        python_callable=run_box,
        queue=queue,
        doc_md=doc,
        outlets=list(outlets),
        execution_timeout=timedelta(minutes=minutes),
        do_xcom_push=step in PLANNING,
    )


def operator(kind: type[PythonOperator], over: PythonOperator | None, **about: Any) -> Any:
    """A task, or one for each item that the task `over` found, named by the item's title."""
    about["show_return_value_in_logs"] = False  # the step's last line says it for people
    if over is None:
        return kind(**about)
    named = "{{ task.op_kwargs['title'] }}"
    return kind.partial(**about, map_index_template=named).expand(op_kwargs=over.output)


def items(step: str, output: PlanOutput | list[int]) -> list[dict[str, Any]]:
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
