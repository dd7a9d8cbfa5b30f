"""The endpoint as it is, in a deployment after one run, with a small linear champion; no registry is
asked, so that a case is milliseconds.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from support.api import KEY, make_app
from support.homes import Home


@pytest.fixture(scope="session")
def api_home(tabular: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("api") / "home"
    shutil.copytree(tabular.path, home)
    return home


@pytest.fixture(scope="session")
def client(api_home: Path) -> Iterator[TestClient]:
    app = make_app(api_home, max_rows=1000, request_timeout_s=20.0)
    headers = {"Authorization": f"Bearer {KEY}"}
    yield TestClient(app, headers=headers, raise_server_exceptions=False)


@pytest.fixture(autouse=True)
def _nothing_written(api_home: Path) -> Iterator[None]:
    """Whatever is sent, the endpoint writes its prediction log and changes nothing that stood."""
    before = _stands(api_home)
    yield
    assert _stands(api_home) == before


def _stands(home: Path) -> dict[str, tuple[int, int, int]]:
    """File -> size, time and inode of everything but the prediction log."""
    log, found = str(home / "artifacts" / "predictions"), {}
    folders = [str(home)]
    while folders:  # by scandir: hundreds of tests look twice, and a Path for each file costs most
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders += [entry.path] * (entry.path != log)
                else:
                    of = entry.stat()
                    found[entry.path] = of.st_size, of.st_mtime_ns, of.st_ino
    return found
