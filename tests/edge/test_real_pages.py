"""Airflow with FAB and MLflow with users, behind the proxy (the extra `production`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.edge import Edge, free_port, laid
from support.production import ADMIN, airflow_with_users, mlflow_with_users, production_python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
_MODELS = "/api/2.0/mlflow/registered-models"


@pytest.fixture
def pages(open_folder: Path, tmp_path: Path) -> Iterator[Edge]:
    python = production_python()
    if python is None:
        pytest.skip("name a Python with the extra `production` in DENGUARD_PRODUCTION_PYTHON")
    homes = [tmp_path / name for name in ("airflow", "mlflow")]
    for home in homes:
        home.mkdir()
    running = laid(open_folder, "127.0.0.1:9")
    ports = {name: free_port() for name in ("AIRFLOW", "MLFLOW")}
    for name, port in ports.items():
        running.settings[f"PROXY_TO_{name}"] = f"127.0.0.1:{port}"
    with (
        mlflow_with_users(python, homes[1], ports["MLFLOW"]),
        airflow_with_users(python, homes[0], ports["AIRFLOW"], running.url("", "AIRFLOW")),
    ):
        try:
            running.start()
            running.wait_until_up()
            yield running
        finally:
            running.stop()


def test_both_work_behind_it_and_mlflow_refuses_a_foreign_page(pages: Edge) -> None:
    with pages.client() as client:
        who = {"username": "admin", "password": ADMIN}
        token = client.post(pages.url("/auth/token", "AIRFLOW"), json=who).json()["access_token"]
        mine = {"Authorization": f"Bearer {token}"}
        assert client.get(pages.url("/api/v2/dags", "AIRFLOW"), headers=mine).status_code == 200
        login = client.get(pages.url("/", "AIRFLOW"))
        while login.is_redirect:  # each leads on within the same origin, over TLS
            location = str(login.next_request.url) if login.next_request else ""
            assert location.startswith(pages.url("", "AIRFLOW"))
            login = client.get(location)
        assert login.status_code == 200
        assert "frame-ancestors 'self'" in login.headers["content-security-policy"]

        assert client.get(pages.url("/", "MLFLOW")).status_code == 401
        client.auth = httpx.BasicAuth("admin", ADMIN)
        assert client.get(pages.url("/", "MLFLOW")).status_code == 200
        make = pages.url(f"{_MODELS}/create", "MLFLOW")
        own, foreign = {"Origin": pages.url("", "MLFLOW")}, {"Origin": "https://evil.example"}
        assert client.post(make, json={"name": "a"}, headers=own).status_code == 200
        assert client.post(make, json={"name": "b"}, headers=foreign).status_code == 403
