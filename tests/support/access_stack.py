"""What tests of access work on: both services with the people over them; servers that are told."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipelines.access.airflow_users import AirflowUsers
from pipelines.access.endpoint_keys import EndpointKeys
from pipelines.access.mlflow_users import MlflowUsers
from pipelines.access.people import People
from pipelines.access.rotation import Servers
from pipelines.errors import ServiceError
from support.access_services import ADMIN, Users

PROGRAMS = hashlib.sha256(b"of programs").hexdigest()


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


class Told:
    """What the servers were told, in order; `fails` makes the next one refuse after it took it."""

    def __init__(self) -> None:
        self.values: list[tuple[str, str, list[str]]] = []
        self.fails = False

    def servers(self) -> Servers:
        return Servers(self._role, self._user, self._user)

    def _role(self, role: str, value: str, known: list[str]) -> None:
        self.values.append((role, value, known))
        if self.fails:
            raise ServiceError("the line broke")

    def _user(self, user: str, value: str) -> None:
        self._role(user, value, [])
