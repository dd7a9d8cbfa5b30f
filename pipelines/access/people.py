"""Give and take a person's access in Airflow, MLflow and the endpoint at once.

Each step may be done again: whoever was stopped in the middle runs the same command again.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.access.airflow_users import AirflowUsers
from pipelines.access.endpoint_keys import EndpointKeys
from pipelines.access.mlflow_users import MlflowUsers
from pipelines.access.roles import RESERVED, Role, require_person
from pipelines.deploy.secret_table import new_token
from pipelines.errors import ConfigError

_PASSWORD_BYTES = 18


@dataclass(frozen=True)
class Given:
    """What a person is told once, and what it takes to hold.

    Attributes:
        password: of Airflow and, if the role has one, of MLflow; "" if none was given.
        key: of the endpoint; "" if the role has none.
        restart: services to start anew before it holds.
    """

    password: str
    key: str
    restart: tuple[str, ...]


@dataclass(frozen=True)
class Person:
    """What one user has now; "" and False mean nothing."""

    name: str
    airflow: str
    mlflow: str
    has_key: bool


class People:
    """The people of one deployment."""

    def __init__(self, airflow: AirflowUsers, mlflow: MlflowUsers, keys: EndpointKeys) -> None:
        self._airflow, self._mlflow, self._keys = airflow, mlflow, keys

    def add(self, name: str, role: Role) -> Given:
        """Give a person a role; one who has another loses it. Password and key are new.

        Raises:
            ConfigError: the name cannot be a person's.
            ServiceError: a service is away or refused; run it again, it goes on.
        """
        require_person(name)
        password = new_token(_PASSWORD_BYTES)
        self._airflow.put(name, role.airflow, password)
        if role.mlflow:
            self._mlflow.put(name, role.mlflow, password)
        else:
            self._mlflow.remove(name)
        if role.asks:
            return Given(password, self._keys.give(name), ("serving",))
        return Given(password, "", ("serving",) if self._keys.take(name) else ())

    def remove(self, name: str) -> Given:
        """Take everything away. Raises as add, and ConfigError if the person had nothing."""
        require_person(name)
        key = self._keys.take(name)
        if not any([self._airflow.remove(name), self._mlflow.remove(name), key]):
            raise ConfigError(f"there is nobody called {name}", fix="denguard access list")
        return Given("", "", ("serving",) if key else ())

    def password(self, name: str) -> Given:
        """A new password in place of one that was lost. Raises as remove."""
        require_person(name)
        password = new_token(_PASSWORD_BYTES)
        changed = [self._airflow.set_password(name, password)]
        changed.append(self._mlflow.set_password(name, password))
        if not any(changed):
            raise ConfigError(f"there is nobody called {name}", fix="denguard access list")
        return Given(password, "", ())

    def all(self) -> list[Person]:
        """Everybody who has anything, the deployment's own users last. Raises ServiceError."""
        airflow, mlflow, keys = self._airflow.roles(), self._mlflow.kinds(), self._keys.owners()
        names = sorted({*airflow, *mlflow, *keys}, key=lambda name: (name in RESERVED, name))
        return [
            Person(name, airflow.get(name, ""), mlflow.get(name, ""), name in keys)
            for name in names
        ]
