"""Airflow of this deployment, asked by its own command; nothing here imports it.

It is configured where the environment names its database (containers, systemd), or where the
services of one machine have made theirs below artifacts/local.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.deployment_paths import AIRFLOW_DATABASE
from pipelines.errors import ServiceError

AIRFLOW_URI = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
ASK_TIMEOUT_S = 120.0


def airflow_environment(paths: DeploymentPaths) -> dict[str, str] | None:
    """What Airflow's command needs to find its database; None where there is no Airflow."""
    if os.environ.get(AIRFLOW_URI) or os.environ.get(f"{AIRFLOW_URI}_CMD"):
        return dict(os.environ)
    home = _own_home(paths)
    if not os.environ.get(AIRFLOW_DATABASE) and not (home / "airflow.db").is_file():
        return None
    bin_folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        AIRFLOW_URI: own_airflow_uri(paths),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }


def airflow_uri(paths: DeploymentPaths) -> str:
    """SQLAlchemy address of Airflow's database; "" where there is no Airflow.

    Raises:
        ServiceError: the settings name a command that gives it, and Airflow does not say it.
    """
    environment = airflow_environment(paths)
    if environment is None:
        return ""
    if uri := environment.get(AIRFLOW_URI):
        return uri
    said = airflow(environment, ["config", "get-value", "database", "sql_alchemy_conn"])
    return said.strip().splitlines()[-1]


def own_airflow_uri(paths: DeploymentPaths) -> str:
    """Address of the database that services of one machine have, made or not:
    DENGUARD_AIRFLOW_DATABASE, else a SQLite file."""
    return os.environ.get(AIRFLOW_DATABASE) or f"sqlite:///{_own_home(paths) / 'airflow.db'}"


def log_folder(environment: Mapping[str, str]) -> Path:
    """Where tasks write their logs."""
    home = Path(environment.get("AIRFLOW_HOME") or Path.home() / "airflow")
    return Path(environment.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER") or home / "logs")


def airflow(
    environment: Mapping[str, str], arguments: list[str], timeout_s: float = ASK_TIMEOUT_S
) -> str:
    """What Airflow's command prints. Raises ServiceError if it fails, is absent or does not end."""
    what = f"airflow {' '.join(arguments[:2])}"
    program = shutil.which("airflow", path=environment.get("PATH"))
    if program is None:
        raise ServiceError(
            f"{what} cannot be run: Airflow is not installed here",
            fix="run this where Airflow is: in one of its containers, or after make install",
        )
    try:
        done = subprocess.run(
            [program, *arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise ServiceError(
            f"{what} did not end within {timeout_s:.0f} s", fix="see that its database answers"
        ) from err
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise ServiceError(f"{what} failed: {''.join(last)}", fix="see that its database answers")
    return done.stdout


def _own_home(paths: DeploymentPaths) -> Path:
    return (paths.root or paths.home) / "artifacts" / "local" / "airflow"
