"""The endpoint as it is, with a small linear champion; no registry is asked, so that a case is
milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from support.api import KEY, make_app

from pipelines.storage import manifest_of


@pytest.fixture(scope="session")
def api_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="session")
def client(api_home: Path) -> Iterator[TestClient]:
    app = make_app(api_home, max_rows=1000, request_timeout_s=20.0)
    headers = {"Authorization": f"Bearer {KEY}"}
    yield TestClient(app, headers=headers, raise_server_exceptions=False)


@pytest.fixture(autouse=True)
def _nothing_written(api_home: Path) -> Iterator[None]:
    """Whatever is sent, the endpoint writes its prediction log and nothing else."""
    yield
    assert all(name.startswith("artifacts/predictions/") for name in manifest_of(api_home))
