"""A deployment's folder with its secrets, and stand-ins of its services."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.access_services import ADMIN, Users, service

from pipelines.access.airflow_users import AirflowUsers
from pipelines.access.endpoint_keys import EndpointKeys
from pipelines.access.mlflow_users import MlflowUsers
from pipelines.access.people import People
from pipelines.deploy.secret_files import write_secret
from pipelines.deploy.secret_table import SECRETS

PROGRAMS = hashlib.sha256(b"of programs").hexdigest()


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


@dataclass(frozen=True)
class Stack:
    """Both services with their addresses, and the people over them."""

    airflow_url: str
    airflow: Users
    mlflow_url: str
    mlflow: Users
    deployment: Path

    @property
    def people(self) -> People:
        return People(
            AirflowUsers(self.airflow_url, ADMIN),
            MlflowUsers(self.mlflow_url, ADMIN),
            EndpointKeys(self.deployment),
        )


@pytest.fixture
def stack(deployment: Path) -> Iterator[Stack]:
    with service("airflow") as (airflow_url, airflow), service("mlflow") as (mlflow_url, mlflow):
        yield Stack(airflow_url, airflow, mlflow_url, mlflow, deployment)
