"""Which line of the deployment a task works for: its home follows from its DAG's name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

MAIN_DAG = "retraining"


def dag_of_line(name: str) -> str:
    """Name of a further line's DAG."""
    return f"{MAIN_DAG}_{name}"


def line_of_dag(dag_id: str) -> str:
    """Name of the line that a DAG is of; "" for the deployment's main one and for other DAGs."""
    return dag_id[len(MAIN_DAG) + 1 :] if dag_id.startswith(f"{MAIN_DAG}_") else ""


def enter_line(context: Mapping[str, Any]) -> str:
    """Point this task's process, and the children that it starts, at the home of its line: its
    name.
    """
    run = context.get("dag_run")
    line = line_of_dag(str(getattr(run, "dag_id", "")))
    if line:
        os.environ["DENGUARD_LINE"] = line
    else:
        os.environ.pop("DENGUARD_LINE", None)
    return line
