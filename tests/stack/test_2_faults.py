"""Faults on the running stack. A weekly run takes minutes, so several faults share one."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from support.stack import run as weekly
from support.stack.engine import PROJECT, Stack, until
from support.stack.table import Row, Table
from support.stack.week import BACK_S, NOTICED_S, week

pytestmark = [pytest.mark.stack, pytest.mark.timeout(4 * 3600)]
HEAVY, LIGHT, SCHEDULER = "worker-cpu-heavy", "worker-default", "airflow-scheduler"
API, WATCH = "airflow-api-server", "watch"
INSIDE = f"{PROJECT}_inside"
EVERYTHING = (
    SCHEDULER, LIGHT, HEAVY, API, "airflow-dag-processor", "mlflow", "serving", "redis", "s3",
    "postgres", "proxy", WATCH,
)  # fmt: skip
STORE_AWAY_S, MLFLOW_AWAY_S, API_AWAY_S = 100, 240, 120


def ready(stack: Stack) -> bool:
    return stack.healthy("serving") and stack.endpoint("/health/ready").status_code == 200


def without(stack: Stack, service: str, seconds: float) -> None:
    stack.compose("stop", service)
    time.sleep(seconds)
    stack.compose("start", service)


def test_restarts_of_database_broker_and_scheduler_cost_nothing(stack: Stack, table: Table) -> None:
    with week(stack, table, "restarts") as run:
        with run.hit("features", "PostgreSQL restarted") as hit:
            stack.compose("restart", "postgres")
            hit.back("postgres")
            hit.happened = "components connected again"
        with run.hit("train", "Redis restarted") as hit:
            stack.compose("restart", "redis")
            hit.back("redis")
            hit.happened = "stopped cleanly; workers connected again"
        with run.hit("backtest", "kill -9 of the scheduler") as hit:
            stack.kill_tree(SCHEDULER)
            time.sleep(2)
            hit.back(SCHEDULER)
            hit.happened = "container back by itself, the running task undisturbed"
    said = stack.compose("logs", "--no-log-prefix", "redis")
    assert "User requested shutdown" in said and "NOPERM" not in said


def test_outages_of_store_and_registry_are_waited_for(stack: Stack, table: Table) -> None:
    with week(stack, table, "outages") as run:
        with run.hit("train", f"S3 cut off for {STORE_AWAY_S} s") as hit:
            stack.docker("network", "disconnect", INSIDE, stack.container("s3"))
            time.sleep(STORE_AWAY_S)
            stack.docker("network", "connect", "--alias", "s3", INSIDE, stack.container("s3"))
            hit.back("s3")
            hit.happened = "steps waited or were tried again"
        with run.hit("evaluate", f"MLflow stopped for {MLFLOW_AWAY_S} s") as hit:
            without(stack, "mlflow", MLFLOW_AWAY_S)
            back_at = datetime.now(UTC)
            hit.back("mlflow")
            hit.happened = "the gate waited, and decided when it was back"
    assert weekly.ended_at(stack, "outages", "gate") > back_at


def test_a_run_whose_deployment_finds_no_endpoint_is_green_and_it_takes_the_champion_later(
    stack: Stack, table: Table
) -> None:
    fault = "endpoint stopped until after deploy,"
    with week(stack, table, "endpoint") as run, run.hit("train", fault) as hit:
        stack.compose("stop", "serving")
        weekly.until_ended(stack, "endpoint", "deploy")
        stack.compose("start", "serving")
        until("the endpoint is ready", lambda: ready(stack), BACK_S)
        hit.recovered()
        hit.happened = "the run went on without it; it took the champion at its start"


def test_a_task_lives_on_while_the_api_server_is_away_for_two_minutes(
    stack: Stack, table: Table
) -> None:
    fault = f"api-server stopped for {API_AWAY_S} s"
    with week(stack, table, "api") as run, run.hit("train", fault) as hit:
        without(stack, API, API_AWAY_S)
        hit.back(API)
        hit.happened = "the task lived on"
    assert weekly.tries_of(stack, "api") == {}


def test_the_endpoint_answers_while_mlflow_is_away_and_it_was_restarted(
    stack: Stack, table: Table
) -> None:
    stack.compose("stop", "mlflow")
    stack.compose("restart", "serving")
    took = until("the endpoint is ready without MLflow", lambda: ready(stack), 120)
    assert stack.endpoint("/forecast").status_code == 200
    stack.compose("start", "mlflow")
    until("MLflow is healthy", lambda: stack.healthy("mlflow"), BACK_S)
    happened = "it answers by the bundle on its disk"
    table.add(Row("endpoint restarted while MLflow is away", happened, took, "nothing"))


def test_a_power_cut_is_noticed_within_a_minute(stack: Stack, table: Table) -> None:
    fault = "power cut: kill -9 of every process"
    with week(stack, table, "power") as run, run.hit("train", fault) as hit:
        noticed_s = run.power_cut(hit, "train", EVERYTHING)
    assert noticed_s <= NOTICED_S
