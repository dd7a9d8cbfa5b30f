"""A folder that a user without rights may enter, and replicas behind a proxy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.edge import Edge, NameServer, Replica, edge, free_port, nginx


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Deleted afterwards; pytest's own folders are closed to everybody but who runs it."""
    if nginx() is None:
        pytest.skip("there is no nginx: apt-get install nginx-light, or name one in DENGUARD_NGINX")
    folder = Path(tempfile.mkdtemp(prefix="denguard-edge-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """One process that answers, for all tests of a file."""
    if nginx() is None:
        pytest.skip("there is no nginx: apt-get install nginx-light, or name one in DENGUARD_NGINX")
    gate = tmp_path_factory.mktemp("gate") / "open"
    one = Replica("127.0.0.1", free_port(), gate).start()
    yield one
    one.kill()


@pytest.fixture
def proxy(open_folder: Path, replica: Replica) -> Iterator[Edge]:
    """A proxy before that process, with the settings of a deployment."""
    with edge(open_folder, f"127.0.0.1:{replica.port}") as running:
        yield running


@pytest.fixture
def names() -> Iterator[NameServer]:
    """A name server without an address yet."""
    server = NameServer([])
    yield server
    server.close()
