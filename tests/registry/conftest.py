"""Tiny real bundles and a real SQLite registry in a temporary home."""

from __future__ import annotations

import hashlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from support.registries import write_linear

from pipelines.config import DeploymentPaths
from serving.app import create_app
from serving.settings import Settings


@pytest.fixture
def paths(home: Path, empty_registry: Path) -> DeploymentPaths:
    """A home whose registry is empty but made."""
    target = home / "artifacts" / "mlflow" / "mlflow.db"
    target.parent.mkdir(parents=True)
    shutil.copy(empty_registry, target)
    return DeploymentPaths(home=home)


@pytest.fixture(scope="module")
def kept_refits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first gate of a file trained."""
    return tmp_path_factory.mktemp("refits")


@pytest.fixture
def refits_trained_once(home: Path, kept_refits: Path) -> Iterator[None]:
    """A test's own copy of what an earlier gate trained on the same rows: refits are found by the
    hash of their rows, so a gate with others trains its own."""
    own = DeploymentPaths(home=home).artifacts / "refits"
    shutil.copytree(kept_refits, own)
    yield
    if not any(kept_refits.iterdir()):
        shutil.copytree(own, kept_refits, dirs_exist_ok=True)


@pytest.fixture
def nowhere(home: Path) -> DeploymentPaths:
    """A home without a registry."""
    return DeploymentPaths(home=home)


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Path]:
    """Write a linear bundle; another bias is another bundle."""

    def make(bias: float = -1.0) -> Path:
        return write_linear(tmp_path / "made", bias)

    return make


@pytest.fixture
def endpoint(home: Path) -> Iterator[str]:
    """The address of a running endpoint that polls fast."""
    hashed = hashlib.sha256(b"key").hexdigest()
    app = create_app(Settings(api_key_sha256=hashed, home=home, poll_s=0.05))
    with socket.socket() as taken:  # bound here, so that no other test gets the port between
        taken.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)
