"""What every DAG of denguard shares: its boxes, queues, limits, Assets and the failure callback.

Belongs here: how a step of pipelines.steps becomes an Airflow task. Does not belong here: what a
step does, and any heavy import, because the scheduler reads this file again and again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from pipelines.config import profile_names
from pipelines.errors import (
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


def on_failure(context: Mapping[str, Any]) -> None:
    """Name step, cause and fix in the log and in artifacts/runs/<run_id>/failure.json."""
    from pipelines.config import places
    from pipelines.run import run_folder
    from pipelines.storage import write_json

    instance, run_id = context["ti"], context["dag_run"].run_id
    record = {"run_id": run_id, "step": instance.task_id, "map_index": instance.map_index, "try_number": instance.try_number, **_cause(context.get("exception"))}  # fmt: skip
    log.error("step %(step)s failed. Cause: %(cause)s What to do: %(fix)s", record)
    write_json(run_folder(places(), run_id) / "failure.json", record)


def _cause(error: BaseException | str | None) -> dict[str, str]:
    if isinstance(error, AirflowFailException) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, DenguardError):
        return {"error": type(error).__name__, "cause": error.what, "where": error.where, "fix": error.fix}  # fmt: skip
    kind = type(error).__name__ if isinstance(error, BaseException) else "Stopped"
    silent = "the task's process ended without a word, out of memory or killed"
    cause = (str(error or "").strip() or silent).splitlines()[0][:500]
    fix = "read the task's log; then clear the failed task in Airflow, it goes on where it stopped"
    return {"error": kind, "cause": cause, "where": "", "fix": fix}


def call_step(name: str, *arguments: Any) -> Any:
    """Run one step of this DAG run; errors that a retry cannot cure fail at once."""
    from pipelines import steps

    run_id = str(get_current_context()["dag_run"].run_id)
    try:
        return getattr(steps, name)(run_id, *arguments)
    except NOT_RETRIED as err:
        raise AirflowFailException(str(err)) from err


def asked_for() -> dict[str, Any]:
    """This run's parameters: the defaults overlaid by its conf, unknown keys kept to be refused."""
    context = get_current_context()
    return {**dict(context["params"]), **(context["dag_run"].conf or {})}


def at_least_one(name: str, items: Sequence[Any]) -> list[Any]:
    """What to map over; mapping over nothing would skip the rest and still count as success."""
    if not items:
        raise AirflowFailException(f"{name} found nothing to map over, at least one is expected")
    return list(items)


def box(
    step: str, *, minutes: int, doc: str, queue: str = LIGHT, outlets: Sequence[Asset] = ()
) -> Any:
    """A task that calls one function of pipelines.steps, not yet placed in a DAG."""

    def run_box(item: int | None = None) -> Any:
        if step == "start":
            return call_step(step, asked_for())
        output = call_step(step, *(() if item is None else (item,)))
        if step == "plan_embedding":
            return at_least_one(step, output["shards"])
        return at_least_one(step, output) if step == "backtest_years" else output

    return task(task_id=step, queue=queue, doc_md=doc, outlets=list(outlets), execution_timeout=timedelta(minutes=minutes))(run_box)  # fmt: skip


# Retries are for what passes by itself (a lock, a full disk, a service that restarts).
DEFAULT_ARGS: dict[str, Any] = {
    "owner": "denguard",
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "on_failure_callback": on_failure,
}
