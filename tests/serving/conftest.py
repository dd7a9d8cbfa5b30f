"""A running app on a real SQLite registry with tiny real bundles."""

from __future__ import annotations

import hashlib
import io
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from support.linear_bundle import linear_bundle
from support.registries import moved_registry

from pipelines.config import DeploymentPaths
from pipelines.fusion.bundle import Bundle, write_bundle
from pipelines.registry.aliases import set_champion
from pipelines.registry.register import register_bundle
from serving.app import create_app
from serving.settings import Settings

KEY = "a-key-for-tests"


@dataclass(frozen=True)
class Deployment:
    """A home with a registry, and what tests do to it."""

    paths: DeploymentPaths

    def register(self, bundle: Bundle) -> str:
        """Write and register a bundle; its version."""
        name = hashlib.sha256(repr(bundle.models).encode()).hexdigest()[:12]
        folder = write_bundle(bundle, self.paths.artifacts / "made" / name / "bundle")
        return register_bundle(folder, "weekly")

    def promote(self, bundle: Bundle) -> str:
        """Register and let it serve; its version."""
        version = self.register(bundle)
        set_champion(version)
        return version


@pytest.fixture
def deployment(home: Path, empty_registry: Path) -> Deployment:
    paths = DeploymentPaths(home=home)
    target = paths.artifacts / "mlflow" / "mlflow.db"
    target.parent.mkdir(parents=True)
    shutil.copy(empty_registry, target)
    return Deployment(paths)


@pytest.fixture
def settings(home: Path) -> Settings:
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    return Settings(api_key_sha256=hashed, home=home, poll_s=0.05, max_rows=50)


@pytest.fixture
def client(deployment: Deployment, settings: Settings) -> Iterator[TestClient]:
    """A running endpoint without a champion."""
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as running:
        yield running


@pytest.fixture(scope="session")
def promoted(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Path:
    """artifacts/ of a deployment of which a linear bundle is champion, made once."""
    paths = DeploymentPaths(home=tmp_path_factory.mktemp("promoted"))
    (paths.artifacts / "mlflow").mkdir(parents=True)
    shutil.copy(empty_registry, paths.artifacts / "mlflow" / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENGUARD_HOME", str(paths.home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        Deployment(paths).promote(linear_bundle())
    return paths.artifacts


@pytest.fixture
def serving_client(
    deployment: Deployment, settings: Settings, promoted: Path
) -> Iterator[TestClient]:
    """A running endpoint with a linear champion."""
    artifacts = deployment.paths.artifacts
    shutil.copytree(promoted, artifacts, dirs_exist_ok=True)
    moved_registry(artifacts / "mlflow", promoted / "mlflow")
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as running:
        wait_for(lambda: running.get("/model").json()["bundle_id"] is not None)
        yield running


def wait_for(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait until something is so, or fail."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def eventually() -> Callable[..., None]:
    return wait_for


@pytest.fixture
def bundle_of() -> Callable[..., Bundle]:
    return linear_bundle


@pytest.fixture
def row() -> dict[str, Any]:
    """A good row, to be spoiled."""
    return {
        "municipality_code": "05001",
        "origin_week": "2018-w48",
        "horizon_weeks": 4,
        "recent_cases": [30, 28, None, 35, 31, 40, 38, 36, 33, 35, 31, 29],
        "climate": [{"temp_mean_c": 21.0, "rainfall_mm": 180.0}] * 3,
        "population": 2_400_000,
    }


@pytest.fixture
def png() -> bytes:
    """A small scene with some texture."""
    pixels = (np.arange(48 * 48 * 3) * 37 % 251).astype(np.uint8).reshape(48, 48, 3)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
