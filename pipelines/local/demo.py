"""`make demo`: the sample drop, the services, the scheduled run, a triggered run, the outcome."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import ServiceError
from pipelines.local import outcome, supervisor
from pipelines.local.airflow_api import AirflowApi
from pipelines.local.follow import Follower
from pipelines.local.services import Services

DAG_ID = "retraining"
RUN_WITHIN_S = 1800.0  # each of the two runs; a slow machine needs more than the usual minutes
PARSED_WITHIN_S = 120.0
TICK_WITHIN_S = 60.0
_TRIGGERED = "demo-"
console = supervisor.console


def demo(paths: DeploymentPaths) -> None:
    """Everything that `make demo` promises. Raises a DenguardError with a fix if it cannot."""
    from pipelines.data.sources.sample import make_sample_drop

    started = time.monotonic()
    console.rule("1 The sample drop")
    console.print(f"{make_sample_drop(paths.drops)}: the real municipal table, synthetic scenes")
    console.rule("2 Services on this machine")
    services = supervisor.up(paths)
    password, url = services.secrets.admin_password, services.urls["airflow"]

    def keep_alive() -> None:
        supervisor.revive(services)

    with AirflowApi(url, password, keep_alive) as api:
        logs = services.layout.airflow_home / "logs"
        follower = Follower(api, DAG_ID, logs, console, keep_alive)
        console.rule("3 The weekly run, started by its schedule")
        weekly = _follow_weekly(api, follower, services)
        console.rule("4 A run triggered over REST, on unchanged input")
        triggered = _follow_triggered(api, follower, services)
    console.rule("5 The result")
    outcome.tell(services, console, weekly, triggered)
    console.print(f"took {(time.monotonic() - started) / 60:.1f} minutes; services stay up")
    supervisor.show(services)


def _follow_weekly(api: AirflowApi, follower: Follower, services: Services) -> str:
    """Follow the scheduled run that unpausing starts, or the one that is there; return its id."""
    _wait_parsed(api)
    api.unpause(DAG_ID)
    run = _newest_scheduled(api)
    run_id = str(run["dag_run_id"])
    console.print(f"run {run_id}")
    if run["state"] == "success":
        console.print("this week's run was made before; its report stands")
        return run_id
    if run["state"] == "failed":
        console.print("it failed before; it goes on with the tasks that failed")
        api.clear_failed(DAG_ID, run_id)
    _end_well(follower, services, run_id)
    return run_id


def _follow_triggered(api: AirflowApi, follower: Follower, services: Services) -> str:
    """Trigger the next demo run under a fixed name and follow it; return its id."""
    numbers = [_number(str(run["dag_run_id"])) for run in api.runs(DAG_ID)]
    run_id = f"{_TRIGGERED}{max(numbers, default=0) + 1:03d}"
    if not api.trigger(DAG_ID, run_id, {}):
        console.print("the request had already been taken")
    console.print(f"run {run_id}")
    _end_well(follower, services, run_id)
    return run_id


def _end_well(follower: Follower, services: Services, run_id: str) -> None:
    if follower.until_end(run_id, RUN_WITHIN_S) != "success":
        raise outcome.failure(services, run_id)


def _wait_parsed(api: AirflowApi) -> None:
    deadline = time.monotonic() + PARSED_WITHIN_S
    while api.dag(DAG_ID) is None:
        if errors := api.import_errors():
            raise ServiceError(
                f"Airflow cannot read a DAG file: {errors[0]}",
                where="dags/",
                fix="correct the file; Airflow reads it again by itself",
            )
        if time.monotonic() > deadline:
            raise ServiceError(
                "Airflow has not read the DAG",
                where="artifacts/local/logs/dag-processor.log",
                fix="read that log; then make down and make demo",
            )
        time.sleep(1)


def _newest_scheduled(api: AirflowApi) -> dict[str, Any]:
    """The newest scheduled run, once every tick that is due has become a run."""
    deadline = time.monotonic() + TICK_WITHIN_S
    while time.monotonic() < deadline:
        found = [run for run in api.runs(DAG_ID) if run["run_type"] == "scheduled"]
        if found and not _tick_due(api):
            return found[0]
        if found and found[0]["state"] in {"queued", "running"}:
            return found[0]  # the next tick waits for it: max_active_runs is 1
        time.sleep(1)
    raise ServiceError(
        "the schedule did not start a run",
        where="artifacts/local/logs/scheduler.log",
        fix="read that log; then make down and make demo",
    )


def _tick_due(api: AirflowApi) -> bool:
    due = (api.dag(DAG_ID) or {}).get("next_dagrun_run_after")
    return due is not None and datetime.fromisoformat(str(due)) <= datetime.now(UTC)


def _number(run_id: str) -> int:
    tail = run_id.removeprefix(_TRIGGERED)
    return int(tail) if run_id.startswith(_TRIGGERED) and tail.isdigit() else 0
