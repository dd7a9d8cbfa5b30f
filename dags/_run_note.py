"""A red run carries cause and fix as its note, in Airflow's list of runs and on the run's own page;
a green one whose scenes could not be fetched says that.

The scheduler calls this when a run ends, inside its own database session, which then writes the
note with the run's state: no second writer, which SQLite could not bear.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl

from dags._line import MAIN_DAG, line_of_dag

SIGN = "Why it is red"  # notes that people wrote are left alone
SCENES = "Scenes that were not fetched"


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:  # noqa: ARG001 Airflow's signature
    """Write step, cause, place and fix into the run's note."""
    from pipelines.config import at_line, deployment_paths
    from pipelines.steps.history import history

    if not _mine(dag_run):
        return
    with at_line(line_of_dag(dag_run.dag_id)):  # the scheduler's own process: no environment
        known = history(deployment_paths(), dag_run.run_id).failure
    cause = "no step recorded a cause; open the red task's log"
    if known is not None:
        where = f" WHERE: {known.where}." if known.where else ""
        cause = f"{known.step}. CAUSE: {known.cause[:400]}.{where} WHAT TO DO: {known.fix}"
    dag_run.note = f"{SIGN}: {cause}"[:1000]  # the column's length; the UI shows the first line


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:  # noqa: ARG001 Airflow's signature
    """A run that went on and succeeded is not red any more; one without its newest scenes says
    so."""
    if not _mine(dag_run):
        return
    before, scenes = dag_run.note or "", _scenes(dag_run)
    parts = ["It failed once, was corrected and went on."] if SIGN in before else []
    if scenes:
        parts.append(f"{SCENES}: {scenes}")
    elif before.startswith(SCENES):
        parts.append("Its scenes were fetched after all.")
    if parts:
        dag_run.note = " ".join(parts)[:1000]


def _scenes(dag_run: Any) -> str:
    """Why the newest scenes were not fetched; "" if they were, or nobody asked for them."""
    from pipelines.config import at_line, deployment_paths
    from pipelines.run.outputs import SceneFetchOutput
    from pipelines.steps.history import history
    from pipelines.steps.scene_words import is_trouble

    with at_line(line_of_dag(dag_run.dag_id)):
        part = history(deployment_paths(), dag_run.run_id).part(SceneFetchOutput.step)
    return part.summary if is_trouble(part.summary) else ""


def _is_ours(dag_id: str) -> bool:
    return dag_id == MAIN_DAG or bool(line_of_dag(dag_id))


def _mine(dag_run: Any) -> bool:
    note = dag_run.note
    return _is_ours(dag_run.dag_id) and (not note or SIGN in note or note.startswith(SCENES))
