"""Airflow's own key is changed with what it sealed staying readable all the while."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.access_stack import Told

from pipelines.access.rotation import finish, rotate
from pipelines.deploy.secret_files import read_secret

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
KEY = "airflow_fernet_key"


@pytest.fixture
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Runs a command of Airflow on a database of its own with a key; what it printed."""
    home = tmp_path_factory.mktemp("airflow")

    def run(key: str, *words: str) -> str:
        environment = {
            **os.environ,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__FERNET_KEY": key,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        }
        done = subprocess.run(
            [sys.executable, "-c", "from airflow.__main__ import main; main()", *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        return done.stdout if done.returncode == 0 else f"failed: {done.stderr[-500:]}"

    return run


def test_what_airflow_sealed_is_readable_before_between_and_after(
    deployment: Path, airflow: Callable[..., str]
) -> None:
    old = read_secret(deployment, KEY) or ""
    airflow(old, "db", "migrate")
    airflow(old, "variables", "set", "who", "sealed-before")
    rotate(deployment, KEY, Told().servers())
    both = read_secret(deployment, KEY) or ""
    assert "sealed-before" in airflow(both, "variables", "get", "who")
    assert not airflow(both, "rotate-fernet-key").startswith("failed")
    finish(deployment, KEY)
    new = read_secret(deployment, KEY) or ""
    assert "sealed-before" in airflow(new, "variables", "get", "who")
    assert "sealed-before" not in airflow(old, "variables", "get", "who")
