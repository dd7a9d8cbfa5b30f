"""Airflow with FAB and MLflow with users, as production starts them, on SQLite and loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

_UP_S = 240
ADMIN = "the-password-of-admin"
_FINDS = (
    "from importlib.util import find_spec as f; "
    "raise SystemExit(0 if f('flask_appbuilder') and f('flask_wtf') else 1)"
)


def production_python() -> str | None:
    """A Python with the extra `production`: DENGUARD_PRODUCTION_PYTHON, or this one, or None."""
    chosen = os.environ.get("DENGUARD_PRODUCTION_PYTHON", sys.executable)
    found = subprocess.run([chosen, "-c", _FINDS], capture_output=True, timeout=60)
    return chosen if found.returncode == 0 else None


@contextmanager
def mlflow_with_users(python: str, folder: Path, port: int) -> Iterator[str]:
    """Address of MLflow with basic-auth, as deploy/mlflow starts it."""
    ini = folder / "basic_auth.ini"
    ini.write_text(
        "[mlflow]\ndefault_permission = READ\nadmin_username = admin\n"
        f"database_uri = sqlite:///{folder}/users.db\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "grant_default_workspace_access = false\n"
    )
    environment = {
        **os.environ,
        "MLFLOW_AUTH_CONFIG_PATH": str(ini),
        "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "a-secret-for-forms",
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [python, "-m", "mlflow", "server", "--app-name", "basic-auth", "--workers", "1"]
    where = ["--host", "127.0.0.1", "--port", str(port), "--artifacts-destination", str(folder)]
    with _running(command + where, environment, f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def airflow_with_users(python: str, folder: Path, port: int, public: str = "") -> Iterator[str]:
    """Address of Airflow's API server with the FAB auth manager and its user `admin`.

    Args:
        public: its address at a proxy, if there is one.
    """
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
        ),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW__API_AUTH__JWT_SECRET": "j" * 64,
        "AIRFLOW__API__SECRET_KEY": "s" * 32,
        **({"AIRFLOW__API__BASE_URL": public, "FORWARDED_ALLOW_IPS": "*"} if public else {}),
    }

    def airflow(*words: str) -> list[str]:
        return [python, "-c", "from airflow.__main__ import main; main()", *words]

    user = [
        "--username",
        "admin",
        "--firstname",
        "a",
        "--lastname",
        "d",
        "--email",
        "admin@localhost",
    ]
    for words in (
        ("db", "migrate"),
        ("fab-db", "migrate"),
        ("users", "create", "--role", "Admin", "--password", ADMIN, *user),
    ):
        subprocess.run(
            airflow(*words), env=environment, check=True, capture_output=True, timeout=_UP_S
        )
    command = airflow("api-server", "--port", str(port), "--host", "127.0.0.1", "--workers", "1")
    command += ["--proxy-headers"] if public else []
    url = f"http://127.0.0.1:{port}"
    with _running(command, environment, f"{url}/api/v2/version"):
        yield url


@contextmanager
def _running(command: list[str], environment: dict[str, str], health: str) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + _UP_S
        while True:
            assert process.poll() is None, "the service ended"
            assert time.monotonic() < end, "the service did not come up"
            with suppress(httpx.TransportError):
                if httpx.get(health, timeout=5).status_code == 200:
                    break
            time.sleep(0.2)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(timeout=60)
