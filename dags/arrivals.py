"""A drop that arrives after the weekly run starts a run itself: checked every half hour.

Wiring only; pipelines/ops/arrivals.py finds the drop that waits.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.python import ShortCircuitOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, get_current_context

from dags._line import MAIN_DAG, dag_of_line
from dags._shared import LIGHT
from pipelines.config import lines

log = logging.getLogger(__name__)

DOC = """
### Late drops
Every half hour this DAG looks for a drop (a delivery of data files) that no run has read. If there is one, and no run
of its line is queued or running, it starts a run, named after the drop, so that no drop starts two. New answers to
`denguard confirm` start a run, too. If the data of a drop stopped its run, the drop counts as read: deliver the
correction as a new drop.
"""


def look(line: str, dag_id: str) -> bool:
    """Whether a drop of the line waits; its name is left for the task that starts the run.

    A run that is queued, or has not come to its drops yet, will read it: Airflow is asked for
    those, after the look, so that none that began meanwhile is missed.
    """
    from pipelines.config import at_line, deployment_paths
    from pipelines.ops.arrivals import waiting_drop

    with at_line(line):
        found = waiting_drop(deployment_paths(), datetime.now(UTC))
    if found is None:
        return False
    task = get_current_context()["ti"]
    if n := task.get_dr_count(dag_id=dag_id, states=["queued", "running"]):
        log.info("drop %s waits for %d run(s) of %s that are queued or at work", found, n, dag_id)
        return False
    task.xcom_push(key="drop", value=found)
    return True


with DAG(
    "arrivals",
    description="Starts a run for a drop that arrived after the weekly run",
    doc_md=DOC,
    schedule="*/30 * * * *",
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["denguard", "drops"],
):
    for line in ("", *lines()):
        dag_id = dag_of_line(line) if line else MAIN_DAG
        ask = ShortCircuitOperator(
            task_id=f"look_{line or 'main'}",
            python_callable=look,
            op_kwargs={"line": line, "dag_id": dag_id},
            queue=LIGHT,
            execution_timeout=timedelta(minutes=5),
            doc_md="Looks for a drop that no run has read.",
        )
        begin = TriggerDagRunOperator(
            task_id=f"start_{line or 'main'}",
            trigger_dag_id=dag_id,
            trigger_run_id=f"drop__{{{{ ti.xcom_pull(task_ids='look_{line or 'main'}', key='drop') }}}}",
            skip_when_already_exists=True,
            queue=LIGHT,
            execution_timeout=timedelta(minutes=5),
            doc_md="Starts the line's run, once for each drop.",
        )
        ask >> begin
