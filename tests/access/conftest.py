"""A deployment's folder with its secrets, and stand-ins of its services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.access_services import ADMIN, service
from support.access_stack import PROGRAMS, Stack

from pipelines.deploy.secret_files import write_secret
from pipelines.deploy.secret_table import SECRETS


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    """Its folder, with a value in every file that denguard makes."""
    for secret in SECRETS:
        if secret.make is not None:
            write_secret(tmp_path, secret.name, secret.make())
    write_secret(tmp_path, "endpoint_keys_sha256", PROGRAMS)
    for name in ("airflow_admin_password", "mlflow_admin_password"):
        write_secret(tmp_path, name, ADMIN)
    return tmp_path


@pytest.fixture
def stack(deployment: Path) -> Iterator[Stack]:
    with service("airflow") as (airflow_url, airflow), service("mlflow") as (mlflow_url, mlflow):
        yield Stack(airflow_url, airflow, mlflow_url, mlflow, deployment)
