"""The services of one machine: command, environment and health address of each."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipelines.config import load_profile
from pipelines.errors import ConfigError
from pipelines.local.layout import ADMIN, Layout, Secrets
from pipelines.local.processes import MARKER
from pipelines.ops.airflow import own_airflow_uri
from pipelines.ops.settings import AlertSettings

HOST = "127.0.0.1"
PORT_NAMES = ("airflow", "mlflow", "endpoint", "worker_log", "trigger_log", "scheduler_health")
# Settings of another deployment in the caller's shell must not leak into this one.
_OWN_PREFIXES = ("AIRFLOW", "MLFLOW_", "DENGUARD_")
LONGEST_TASK_S = 12 * 3600  # embed_shard's execution_timeout
HEARTBEAT_S = 1
# A task outlives an API server that is away: each call of its supervisor, heartbeats and the last
# word on how it ended among them, is made so often, with a pause of so many seconds at least. By
# Airflow's defaults (5 calls, pauses of 1, 2, 4 and 8 seconds at most) a step that ends while the
# API server is restarted is lost, and done again.
API_AWAY_S = 177
API_PAUSES_S = (3, 10)
# Alerts go out from Airflow's DAG processor, when a run ends.
_ALERTS = tuple(f"DENGUARD_{name.upper()}" for name in AlertSettings.model_fields)
_KEPT = ("DENGUARD_PROFILE", "DENGUARD_DVC_REMOTE", *_ALERTS)


@dataclass(frozen=True)
class Component:
    """One service. `health_url` is None for those that only Airflow's health page knows."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    health_url: str | None = None


def free_ports(wanted: Mapping[str, int]) -> dict[str, int]:
    """A free port for every name: the wanted one if nobody has it, else one the system picks."""
    chosen: dict[str, int] = {}
    with ExitStack() as held:  # all are held until all are chosen, so that none is given twice
        for name in PORT_NAMES:
            chosen[name] = _bind(held, wanted.get(name, 0)) or _bind(held, 0)
    return chosen


def _bind(held: ExitStack, port: int) -> int:
    listener = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        return 0
    return int(listener.getsockname()[1])


def urls(ports: Mapping[str, int]) -> dict[str, str]:
    """Addresses that a person opens."""
    return {name: f"http://{HOST}:{ports[name]}" for name in ("airflow", "mlflow", "endpoint")}


def components(layout: Layout, secrets: Secrets, ports: Mapping[str, int]) -> list[Component]:
    """All services, in the order in which they are started."""
    at = urls(ports)
    airflow = airflow_env(layout, secrets, ports)
    health = f"{at['airflow']}/api/v2/monitor/health"
    port = {name: str(number) for name, number in ports.items()}
    return [
        Component(
            "mlflow",
            _mlflow_argv(layout, port["mlflow"]),
            _mlflow_env(layout),
            f"{at['mlflow']}/health",
        ),
        Component(
            "api-server",
            ("airflow", "api-server", "--host", HOST, "--port", port["airflow"], "--workers", "1"),
            airflow,
            health,
        ),
        # Logs are read from this machine's files; the log servers would listen on every interface.
        Component("scheduler", ("airflow", "scheduler", "--skip-serve-logs"), airflow),
        Component("dag-processor", ("airflow", "dag-processor"), airflow),
        Component("triggerer", ("airflow", "triggerer", "--skip-serve-logs"), airflow),
        Component(
            "endpoint",
            (
                "uvicorn",
                "serving.app:create_app",
                "--factory",
                "--http",
                "serving.door:Door",
                "--ws",
                "none",
                "--host",
                HOST,
                "--port",
                port["endpoint"],
                "--workers",
                "1",
                "--timeout-graceful-shutdown",
                "10",
            ),
            _endpoint_env(layout, secrets, ports),
            f"{at['endpoint']}/health/live",
        ),
    ]


def airflow_env(layout: Layout, secrets: Secrets, ports: Mapping[str, int]) -> dict[str, str]:
    """Environment of every Airflow component and, through them, of the steps."""
    at, home = urls(ports), layout.airflow_home
    settings = {
        "CORE__DAGS_FOLDER": layout.source_root / "dags",
        "CORE__PLUGINS_FOLDER": layout.source_root / "dags" / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "dags._executor.PreloadedExecutor",
        "CORE__PARALLELISM": 2,  # the executor starts this many processes; 32 by default
        "CORE__FERNET_KEY": secrets.fernet_key,
        "CORE__EXECUTION_API_SERVER_URL": f"{at['airflow']}/execution/",
        "CORE__HOSTNAME_CALLABLE": "socket.gethostname",  # the default asks a name server
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": layout.passwords_file,
        "API__BASE_URL": at["airflow"],
        "API__SECRET_KEY": secrets.session_key,
        "API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "DATABASE__SQL_ALCHEMY_CONN": own_airflow_uri(layout.paths),
        "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
        "LOGGING__BASE_LOG_FOLDER": home / "logs",
        "LOGGING__WORKER_LOG_SERVER_PORT": ports["worker_log"],
        "LOGGING__TRIGGER_LOG_SERVER_PORT": ports["trigger_log"],
        # A queued task's token lasts this long (10 minutes by default): one that waits behind a
        # long
        # embedding would start with "Invalid auth token". Running ones are to be renewed, but see
        # apache/airflow issue 67939. Both outlast the longest task.
        "SCHEDULER__TASK_QUEUED_TIMEOUT": LONGEST_TASK_S,
        "EXECUTION_API__JWT_EXPIRATION_TIME": LONGEST_TASK_S,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.3,  # seconds; 1 by default, paid once a task
        # A task that has ended holds its process until the next look of its supervisor, which waits
        # this long (5 seconds by default) if its pipes closed before it did: up to every second one
        # (findings/airflow_supervisor_waits_a_heartbeat_after_a_task_ended.sh).
        "WORKERS__MIN_HEARTBEAT_INTERVAL": HEARTBEAT_S,
        "WORKERS__MAX_FAILED_HEARTBEATS": API_AWAY_S // HEARTBEAT_S,
        "WORKERS__EXECUTION_API_RETRIES": 1 + API_AWAY_S // API_PAUSES_S[0],
        "WORKERS__EXECUTION_API_RETRY_WAIT_MIN": API_PAUSES_S[0],
        "WORKERS__EXECUTION_API_RETRY_WAIT_MAX": API_PAUSES_S[1],
        "WORKERS__EXECUTION_API_TIMEOUT": 30,  # seconds for one answer; 5 are few beside training
        # Tasks of a scheduler that died are looked for at this interval, not at 300 seconds.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": 20,
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": ports["scheduler_health"],
        "USAGE_DATA_COLLECTION__ENABLED": False,
    }
    named = {f"AIRFLOW__{key}": str(value) for key, value in settings.items()}
    steps = {"DENGUARD_ENDPOINT_URL": at["endpoint"], "MLFLOW_TRACKING_URI": at["mlflow"]}
    return {**base_env(layout), **named, **steps, "AIRFLOW_HOME": str(home)}


def base_env(layout: Layout) -> dict[str, str]:
    """What every service shares: the caller's environment without settings of other deployments."""
    kept = {k: v for k, v in os.environ.items() if k in _KEPT or not k.startswith(_OWN_PREFIXES)}
    hosts = f"{HOST},localhost"
    return {
        **kept,
        MARKER: str(layout.local),
        "SPT_NOENV": "1",  # or setproctitle overwrites the marker in /proc/<pid>/environ
        "DENGUARD_HOME": str(layout.paths.home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(layout.source_root),  # dags/ is not part of the installed package
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": hosts,
        "no_proxy": hosts,
        "GX_ANALYTICS_ENABLED": "false",
        "DVC_NO_ANALYTICS": "1",
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        # Two tasks share two cores, and other thread counts would give other bits.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def _mlflow_argv(layout: Layout, port: str) -> tuple[str, ...]:
    return (
        "mlflow",
        "server",
        "--artifacts-destination",
        str(layout.paths.artifacts / "mlflow" / "artifacts"),
        "--host",
        HOST,
        "--port",
        port,
        "--workers",
        "1",
    )


def _mlflow_env(layout: Layout) -> dict[str, str]:
    return {
        **base_env(layout),
        # Not an argument: the address of a server holds a password.
        "MLFLOW_BACKEND_STORE_URI": layout.paths.own_mlflow,
        # Job execution costs 1.0 to 1.6 GiB of memory and nothing here uses it.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _endpoint_env(layout: Layout, secrets: Secrets, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        **base_env(layout),
        "MLFLOW_TRACKING_URI": urls(ports)["mlflow"],
        "DENGUARD_API_KEY_SHA256": secrets.api_key_sha256,
        "DENGUARD_POLL_S": "2",
        **_limits(),
    }


def _limits() -> dict[str, str]:
    """What a drop of the profile refuses, so that the endpoint refuses it, too; none if
    unreadable."""
    try:
        data = load_profile(os.environ.get("DENGUARD_PROFILE") or "sample").data
    except ConfigError:  # each step says what is wrong with it; the services start all the same
        return {}
    return {
        "DENGUARD_MAX_WEEKLY_CASES": str(data.max_weekly_cases),
        "DENGUARD_MIN_USUAL_RAINFALL_MM": str(data.limits.min_usual_rainfall_mm),
    }
