"""What a deployment must still be after it was put back, asked of the running stack."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from support.stack import doors
from support.stack import run as weekly
from support.stack.engine import DAG, FaultyStack, Stack, until

LIGHT, API = "worker-default", "airflow-api-server"
LASTING = (
    "postgres", "redis", "s3", "mlflow", API, "airflow-scheduler", "airflow-dag-processor",
    LIGHT, "worker-cpu-heavy", "serving", "proxy", "watch",
)  # fmt: skip
HEALTHY_S = 900
_AUDIT = "/opt/denguard/home/artifacts/audit/audit.jsonl"


@dataclass(frozen=True)
class State:
    """What people and programs see of a stack.

    Attributes:
        model: what the endpoint says of its champion.
        forecasts: every version -> hash of its file.
        audit: the trail's bytes.
        runs: of Airflow's -> their states.
        trace: links of the newest forecast, in words.
    """

    model: dict[str, object]
    forecasts: dict[str, str]
    audit: str
    runs: dict[str, str]
    trace: str


def all_healthy(stack: Stack) -> bool:
    """Whether every service that lasts is."""
    return all(stack.healthy(service) for service in LASTING)


def bring_up(stack: Stack) -> float:
    """Seconds until every service is healthy and the endpoint answers."""
    stack.api = None
    stack.compose("up", "-d", "--no-build", timeout_s=HEALTHY_S)
    took = until("every service is healthy", lambda: all_healthy(stack), HEALTHY_S, every_s=2)
    return took + until("the endpoint is ready", lambda: ready(stack), 120)


def ready(stack: Stack) -> bool:
    """Whether the endpoint has a champion."""
    return stack.endpoint("/health/ready").status_code == 200


def state_of(stack: Stack) -> State:
    """Everything that is compared."""
    forecasts = weekly.forecasts(stack, LIGHT)
    with stack.airflow() as api:
        runs = {str(r["dag_run_id"]): str(r["state"]) for r in api.runs(DAG)}
    model = stack.endpoint("/model").json()
    steady = ("version", "bundle_id", "mlflow_run_id", "head", "municipalities")
    return State(
        model={name: model[name] for name in steady if name in model},
        forecasts=forecasts,
        audit=stack.execute(LIGHT, "cat", _AUDIT),
        runs=runs,
        trace=stack.execute(LIGHT, "denguard", "trace", max(forecasts), timeout_s=300),
    )


def differences(before: State, after: State) -> list[str]:
    """Names of what is not the same."""
    now = asdict(after)
    return [name for name, value in asdict(before).items() if now[name] != value]


def knows(stack: Stack, name: str, password: str) -> dict[str, bool]:
    """Whether MLflow and Airflow know a person."""
    token = doors.airflow_token(stack, name, password)
    return {"MLflow": doors.mlflow(stack, name, password), "Airflow": bool(token)}


def require_known(stack: Stack, name: str, password: str) -> None:
    """Raise FaultyStack unless both do."""
    found = knows(stack, name, password)
    if not all(found.values()):
        raise FaultyStack(f"{name} logs in: {found}")
