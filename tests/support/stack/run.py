"""Weekly runs of a stack: begun, followed, compared by what they forecast."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from support.stack.engine import DAG, FaultyStack, Stack, until

from pipelines.local.airflow_api import TaskState

RUN_S = 2400
_ENDED = {"success", "failed", "upstream_failed", "skipped"}
# Every forecast that is there: its version and the hash of its bytes.
_FORECASTS = """
import hashlib, json, pathlib
root = pathlib.Path('/opt/denguard/home/artifacts/forecasts')
print(json.dumps({p.parent.name: hashlib.sha256(p.read_bytes()).hexdigest()
                  for p in sorted(root.glob('*/forecast.*'))}))
"""


def state_of(stack: Stack, run_id: str) -> str:
    """State of a run, as Airflow has it."""
    with stack.airflow() as api:
        return str(api.run(DAG, run_id)["state"])


def tasks_of(stack: Stack, run_id: str) -> list[TaskState]:
    """Task instances of a run."""
    with stack.airflow() as api:
        return api.tasks(DAG, run_id)


def begin(stack: Stack, run_id: str, **conf: object) -> None:
    """Start a run that repeats its work."""
    with stack.airflow() as api:
        api.trigger(DAG, run_id, {"force": True, **conf})


def first_run(stack: Stack) -> str:
    """Id of the run that began by itself.

    Raises:
        FaultyStack: none did within five minutes.
    """

    def there() -> bool:
        with stack.airflow() as api:
            return bool(api.runs(DAG))

    until("a run begins by itself", there, 300, every_s=2)
    with stack.airflow() as api:
        return str(api.runs(DAG)[-1]["dag_run_id"])


def until_running(stack: Stack, run_id: str, task: str, within_s: float = RUN_S) -> TaskState:
    """The first instance of a task that is at work.

    Raises:
        FaultyStack: none is, or the run ended before.
    """
    found: list[TaskState] = []

    def runs() -> bool:
        found[:] = [t for t in tasks_of(stack, run_id) if t.name.split(".")[-1] == task]
        if found and all(t.state in _ENDED for t in found):
            raise FaultyStack(f"{task} of {run_id} ended before it was met: {found}")
        found[:] = [t for t in found if t.state == "running"]
        return bool(found)

    until(f"{task} of {run_id} runs", runs, within_s, every_s=0.3)
    return found[0]


def until_ended(stack: Stack, run_id: str, task: str, within_s: float = RUN_S) -> None:
    """Wait until a task that is not mapped has ended.

    Raises:
        FaultyStack: it does not.
    """

    def ended() -> bool:
        found = [t for t in tasks_of(stack, run_id) if t.name.split(".")[-1] == task]
        return bool(found) and all(t.state in _ENDED for t in found)

    until(f"{task} of {run_id} ends", ended, within_s)


def until_done(stack: Stack, run_id: str, within_s: float = RUN_S) -> float:
    """Seconds until a run is green.

    Raises:
        FaultyStack: it turned red, or did not end.
    """

    def green() -> bool:
        state = state_of(stack, run_id)
        if state == "failed":
            red = [t for t in tasks_of(stack, run_id) if t.state == "failed"]
            raise FaultyStack(f"run {run_id} is red at {red}")
        return state == "success"

    return until(f"run {run_id} is green", green, within_s, every_s=2)


def given_up_at(stack: Stack, run_id: str, task: str) -> datetime:
    """When Airflow gave the first try of a task up, by its database.

    Raises:
        FaultyStack: it did not.
    """
    return _ended_at(stack, run_id, task, "task_instance_history", "try_number = 1")


def ended_at(stack: Stack, run_id: str, task: str) -> datetime:
    """When the newest try of a task ended, by Airflow's database. Raises FaultyStack."""
    return _ended_at(stack, run_id, task, "task_instance", "end_date is not null")


def _ended_at(stack: Stack, run_id: str, task: str, table: str, which: str) -> datetime:
    found = stack.sql(
        "airflow",
        f"select extract(epoch from end_date) from {table} "  # noqa: S608 our own words
        f"where dag_id = '{DAG}' and run_id = '{run_id}' and {which} and task_id like '%{task}'",
    )
    if not found:
        raise FaultyStack(f"{task} of {run_id}: no try of it ended ({table})")
    return datetime.fromtimestamp(float(found.splitlines()[0]), UTC)


def tries_of(stack: Stack, run_id: str) -> dict[str, int]:
    """Task -> how often it was begun, of those that were begun more than once."""
    return {t.title: t.try_number for t in tasks_of(stack, run_id) if t.try_number > 1}


def forecasts(stack: Stack, service: str) -> dict[str, str]:
    """Forecast version -> hash of its file, as a service's home has them."""
    found: dict[str, str] = json.loads(stack.execute(service, "python", "-c", _FORECASTS))
    return found


def lost(before: dict[str, str], after: dict[str, str], tries: Sequence[str]) -> str:
    """In words what a fault cost: the same data and model must forecast the same bytes.

    Raises:
        FaultyStack: a forecast that was there is gone or has other bytes.
    """
    gone = [name for name in before if after.get(name) != before[name]]
    if gone:
        raise FaultyStack(f"forecasts that were there are gone or changed: {gone}")
    return f"nothing; begun again: {', '.join(tries)}" if tries else "nothing"
