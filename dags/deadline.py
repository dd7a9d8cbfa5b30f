"""A week has a forecast by its deadline: checked every quarter of an hour, for every line.

Wiring only; whether one is due is decided in pipelines/steps/fallback.py, the deadline is
in the profile (`bulletin.deadline_hours`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

from dags._fallback import at_deadline
from dags._shared import LIGHT, MAIN_PROFILE
from pipelines.config import lines

DOC = """
### The deadline
If no run of a line has finished by its deadline, the champion forecasts from the last accepted data, and every
row says so (`data_state`). A run that finishes later replaces it. Until then `denguard status` and `denguard
watch` say that somebody must act.
"""

with DAG(
    "deadline",
    description="A forecast by the deadline, whatever happened",
    doc_md=DOC,
    schedule="*/15 * * * *",
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["denguard", "bulletin"],
):
    for line in ("", *lines()):
        PythonOperator(
            task_id=f"deadline_{line or 'main'}",
            python_callable=at_deadline,
            op_kwargs={"line": line, "profile": line or MAIN_PROFILE},
            queue=LIGHT,
            execution_timeout=timedelta(minutes=60),
            show_return_value_in_logs=False,
            doc_md="Checks whether the deadline has passed without a forecast.",
        )
