"""Faults on the running stack, one after another: each in the middle of a run that must end green.

A fault has cost nothing if every forecast that was there has its bytes still, the run is green, and
what was begun again is one try of the task that was hit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from support.stack import run as weekly
from support.stack.engine import PROJECT, FaultyStack, Stack, until
from support.stack.table import Row, Table

pytestmark = [pytest.mark.stack, pytest.mark.timeout(4 * 3600)]
HEAVY, LIGHT, SCHEDULER = "worker-cpu-heavy", "worker-default", "airflow-scheduler"
API, BACK_S = "airflow-api-server", 600
INSIDE = f"{PROJECT}_inside"
EVERYTHING = (
    SCHEDULER, LIGHT, HEAVY, API, "airflow-dag-processor", "mlflow", "serving", "redis", "s3",
    "postgres",
)  # fmt: skip


@dataclass
class Hit:
    """A run in whose middle something is broken."""

    stack: Stack
    run_id: str
    recovery_s: float = 0.0
    happened: str = ""

    def back(self, service: str, since: float, within_s: float = BACK_S) -> None:
        """Wait until a service is healthy again; seconds count from the fault."""
        until(f"{service} is healthy", lambda: self.stack.healthy(service), within_s)
        self.recovery_s = time.monotonic() - since


@contextmanager
def during(stack: Stack, table: Table, fault: str, run_id: str, task: str) -> Iterator[Hit]:
    """Begin a run, break something while the task is at work, see the run end green."""
    hit = Hit(stack, run_id)
    try:
        before = weekly.forecasts(stack, LIGHT)
        weekly.begin(stack, run_id)
        weekly.until_running(stack, run_id, task)
        yield hit
        weekly.until_done(stack, run_id)
    except FaultyStack as err:
        table.add(Row(fault, f"FAILED: {err}", None, "not known"))
        raise
    tries = [f"{name} ({n} tries)" for name, n in weekly.tries_of(stack, run_id).items()]
    lost = weekly.lost(before, weekly.forecasts(stack, LIGHT), tries)
    table.add(Row(fault, f"{hit.happened}; run green", hit.recovery_s, lost))


def test_postgresql_is_restarted(stack: Stack, table: Table) -> None:
    with during(stack, table, "PostgreSQL restarted during train", "postgres", "train") as hit:
        began = time.monotonic()
        stack.compose("restart", "postgres")
        hit.back("postgres", began)
        hit.happened = "components connected again"


def test_redis_is_restarted(stack: Stack, table: Table) -> None:
    with during(stack, table, "Redis restarted during train", "redis", "train") as hit:
        began = time.monotonic()
        stack.compose("restart", "redis")
        hit.back("redis", began)
        hit.happened = "stopped cleanly; workers connected again"
    assert "User requested shutdown" in stack.compose("logs", "--no-log-prefix", "redis")


def test_the_scheduler_is_killed(stack: Stack, table: Table) -> None:
    with during(
        stack, table, "kill -9 of the scheduler during backtest", "sched", "backtest"
    ) as hit:
        began = time.monotonic()
        stack.kill_tree(SCHEDULER)
        time.sleep(2)
        hit.back(SCHEDULER, began)
        hit.happened = "container back by itself, the running task undisturbed"


def test_the_store_is_cut_off(stack: Stack, table: Table) -> None:
    with during(stack, table, "S3 cut off for 100 s during train", "store", "train") as hit:
        began = time.monotonic()
        stack.docker("network", "disconnect", INSIDE, stack.container("s3"))
        time.sleep(100)
        stack.docker("network", "connect", "--alias", "s3", INSIDE, stack.container("s3"))
        hit.back("s3", began)
        hit.happened = "steps waited or were tried again"


def test_mlflow_is_away_at_the_gate(stack: Stack, table: Table) -> None:
    with during(
        stack, table, "MLflow stopped before the gate, for 150 s", "gate", "evaluate"
    ) as hit:
        began = time.monotonic()
        stack.compose("stop", "mlflow")
        time.sleep(150)
        stack.compose("start", "mlflow")
        hit.back("mlflow", began)
        hit.happened = "nothing was decided meanwhile: the gate was tried again"


def test_the_endpoint_is_stopped_at_deploy(stack: Stack, table: Table) -> None:
    fault = "endpoint stopped from register on, for 60 s"
    with during(stack, table, fault, "endpoint", "register") as hit:
        began = time.monotonic()
        stack.compose("stop", "serving")
        time.sleep(60)
        stack.compose("start", "serving")
        until("the endpoint is ready", lambda: ready(stack), BACK_S)
        hit.recovery_s = time.monotonic() - began
        hit.happened = (
            "deploy said that the endpoint was not reachable; it took the champion at its start"
        )


def ready(stack: Stack) -> bool:
    return stack.healthy("serving") and stack.endpoint("/health/ready").status_code == 200


def test_the_api_server_is_away_for_two_minutes(stack: Stack, table: Table) -> None:
    with during(stack, table, "api-server stopped for 120 s during train", "api", "train") as hit:
        began = time.monotonic()
        stack.compose("stop", API)
        time.sleep(120)
        stack.compose("start", API)
        hit.back(API, began)
        hit.happened = "the task lived on"
    assert weekly.tries_of(stack, "api") == {}


def test_the_endpoint_answers_while_mlflow_is_away_and_it_was_restarted(
    stack: Stack, table: Table
) -> None:
    stack.compose("stop", "mlflow")
    began = time.monotonic()
    stack.compose("restart", "serving")
    took = until("the endpoint is ready without MLflow", lambda: ready(stack), 120)
    stack.compose("start", "mlflow")
    until("MLflow is healthy", lambda: stack.healthy("mlflow"), BACK_S)
    happened = "it answers by the bundle on its disk"
    table.add(Row("endpoint restarted while MLflow is away", happened, took, "nothing"))
    assert time.monotonic() - began < BACK_S + 200


def test_the_power_is_cut(stack: Stack, table: Table) -> None:
    fault = "power cut: kill -9 of every process during train"
    with during(stack, table, fault, "power", "train") as hit:
        began = time.monotonic()
        was = [t for t in weekly.tasks_of(stack, "power") if t.state == "running"]
        stack.kill_tree(*EVERYTHING)
        hit.back(API, began)

        def noticed() -> bool:
            now = {t.title: t for t in weekly.tasks_of(stack, "power")}
            tries = [(now[t.title].try_number, t.try_number) for t in was]
            gone = [now[t.title].state != "running" for t in was]
            return all(a > b or g for (a, b), g in zip(tries, gone, strict=True))

        until("the dead task is noticed", noticed, BACK_S)
        hit.recovery_s = time.monotonic() - began
        hit.happened = "all containers back by themselves; the dead task was tried again"
