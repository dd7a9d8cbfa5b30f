"""A step of the reproduction as a task in Airflow's graph.

No heavy import here: the scheduler reads this file again and again.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator

from dags._box import operator
from dags._shared import LIGHT
from dags._study_steps import PLANNED, Item, call, on_failure

log = logging.getLogger(__name__)


def task(
    step: str, *, minutes: int, doc: str, queue: str = LIGHT, over: PythonOperator | None = None
) -> Any:
    """A task that calls one step; mapped if `over` names the task that found the items."""

    def run(item: int | None = None, title: str = "") -> list[Item] | None:
        if over is not None and item is None:
            log.info("%s; this task is only here because one is needed", title)
            return None
        return call(step, item, title)

    return operator(
        PythonOperator,
        over,
        task_id=step,
        python_callable=run,
        queue=queue,
        doc_md=doc,
        execution_timeout=timedelta(minutes=minutes),
        on_failure_callback=on_failure,
        on_retry_callback=on_failure,
        do_xcom_push=step in PLANNED,
    )
