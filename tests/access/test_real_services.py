"""Roles on a real Airflow with FAB and a real MLflow with users (the extra `production`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from support.edge import free_port
from support.production import ADMIN, airflow_with_users, mlflow_with_users, production_python

from pipelines.access.airflow_users import AirflowUsers
from pipelines.access.endpoint_keys import EndpointKeys
from pipelines.access.mlflow_users import MlflowUsers
from pipelines.access.people import People
from pipelines.access.roles import ROLES
from pipelines.errors import ServiceError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
_MODEL = "/api/2.0/mlflow/registered-models"


@dataclass(frozen=True)
class Services:
    """Both, and the folder of the deployment."""

    airflow: str
    mlflow: str
    folder: Path

    @property
    def people(self) -> People:
        return People(
            AirflowUsers(self.airflow, ADMIN),
            MlflowUsers(self.mlflow, ADMIN),
            EndpointKeys(self.folder),
        )


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    python = production_python()
    if python is None:
        pytest.skip(
            "the extra `production` is not installed here: name a Python that has it in "
            "DENGUARD_PRODUCTION_PYTHON"
        )
    homes = [tmp_path_factory.mktemp(name) for name in ("airflow", "mlflow", "deployment")]
    with (
        mlflow_with_users(python, homes[1], free_port()) as mlflow,
        airflow_with_users(python, homes[0], free_port()) as airflow,
    ):
        yield Services(airflow, mlflow, homes[2])


def _airflow_token(services: Services, name: str, password: str) -> httpx.Response:
    body = {"username": name, "password": password}
    return httpx.post(f"{services.airflow}/auth/token", json=body, timeout=60)


def _airflow(services: Services, name: str, password: str, method: str, path: str) -> int:
    token = _airflow_token(services, name, password).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    body = {"key": f"k-{name}", "value": "v"} if method == "POST" else None
    url = f"{services.airflow}/api/v2{path}"
    return httpx.request(method, url, json=body, headers=headers, timeout=60).status_code


def _mlflow(services: Services, name: str, password: str, method: str, path: str) -> int:
    return httpx.request(
        method,
        f"{services.mlflow}{path}",
        json={"name": f"m-{name}"} if method == "POST" else None,
        auth=(name, password),
        timeout=60,
    ).status_code


def test_a_viewer_looks_at_airflow_and_has_nothing_else(services: Services) -> None:
    given = services.people.add("vera", ROLES["viewer"])
    assert _airflow(services, "vera", given.password, "GET", "/dags") == 200
    assert _airflow(services, "vera", given.password, "POST", "/variables") == 403
    assert _mlflow(services, "vera", given.password, "GET", f"{_MODEL}/search") == 401
    assert given.key == ""


def test_an_operator_changes_airflow_and_reads_mlflow(services: Services) -> None:
    given = services.people.add("otto", ROLES["operator"])
    assert _airflow(services, "otto", given.password, "POST", "/variables") == 201
    assert _mlflow(services, "otto", given.password, "GET", f"{_MODEL}/search") == 200
    assert given.key and given.restart == ("serving",)


def test_an_analyst_reads_what_others_registered_and_may_not_change_it(services: Services) -> None:
    given = services.people.add("anna", ROLES["analyst"])
    admin = ("admin", ADMIN)
    made = httpx.post(f"{services.mlflow}{_MODEL}/create", json={"name": "weekly"}, auth=admin)
    assert made.status_code == 200
    ask = httpx.Client(base_url=services.mlflow, auth=("anna", given.password), timeout=60)
    assert ask.get(f"{_MODEL}/get", params={"name": "weekly"}).status_code == 200
    alias = {"name": "weekly", "alias": "champion", "version": "1"}
    assert ask.post(f"{_MODEL}/alias", json=alias).status_code == 403
    assert ask.request("DELETE", f"{_MODEL}/delete", json={"name": "weekly"}).status_code == 403
    assert _airflow(services, "anna", given.password, "POST", "/variables") == 403


def test_an_admin_may_make_users_in_both(services: Services) -> None:
    given = services.people.add("ada", ROLES["admin"])
    users = AirflowUsers(services.airflow, ADMIN).roles()
    assert users["ada"] == "Admin"
    assert _mlflow(services, "ada", given.password, "GET", "/api/2.0/mlflow/users/list") == 200


def test_another_role_takes_the_one_before_away(services: Services) -> None:
    services.people.add("rosa", ROLES["operator"])
    given = services.people.add("rosa", ROLES["viewer"])
    (rosa,) = [one for one in services.people.all() if one.name == "rosa"]
    assert (rosa.airflow, rosa.mlflow, rosa.has_key) == ("Viewer", "", False)
    assert _airflow(services, "rosa", given.password, "POST", "/variables") == 403


def test_a_new_password_holds_and_the_old_one_does_not(services: Services) -> None:
    first = services.people.add("paul", ROLES["analyst"]).password
    second = services.people.password("paul").password
    assert _mlflow(services, "paul", first, "GET", f"{_MODEL}/search") == 401
    assert _mlflow(services, "paul", second, "GET", f"{_MODEL}/search") == 200
    assert _airflow_token(services, "paul", first).status_code == 401
    assert _airflow_token(services, "paul", second).status_code == 201


def test_who_is_removed_gets_in_nowhere(services: Services) -> None:
    given = services.people.add("rudi", ROLES["analyst"])
    token = _airflow_token(services, "rudi", given.password).json()["access_token"]
    services.people.remove("rudi")
    assert _airflow_token(services, "rudi", given.password).status_code == 401
    assert _mlflow(services, "rudi", given.password, "GET", f"{_MODEL}/search") == 401
    headers = {"Authorization": f"Bearer {token}"}  # one that was taken before
    assert httpx.get(f"{services.airflow}/api/v2/dags", headers=headers).status_code in (401, 403)
    assert "rudi" not in {one.name for one in services.people.all()}


def test_a_wrong_password_of_admin_is_named(services: Services) -> None:
    with pytest.raises(ServiceError, match="does not take the password of its user admin"):
        AirflowUsers(services.airflow, "wrong-password-here").roles()
    with pytest.raises(ServiceError, match="does not take the password of its user admin"):
        MlflowUsers(services.mlflow, "wrong-password-here").kinds()


def test_admin_changes_its_own_passwords(services: Services) -> None:
    new = "another-password-of-admin"
    assert MlflowUsers(services.mlflow, ADMIN).set_password("admin", new)
    assert "admin" in MlflowUsers(services.mlflow, new).kinds()
    assert MlflowUsers(services.mlflow, new).set_password("admin", ADMIN)
    assert AirflowUsers(services.airflow, ADMIN).set_password("admin", new)
    assert "admin" in AirflowUsers(services.airflow, new).roles()
    assert AirflowUsers(services.airflow, new).set_password("admin", ADMIN)
