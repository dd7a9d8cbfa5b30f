"""Tiny real bundles and a real SQLite registry in a temporary home."""

from __future__ import annotations

import hashlib
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn
from registry.worlds import RECIPE

from pipelines.config import Places
from pipelines.contracts import COVARIATE_NAMES
from pipelines.fusion.bundle import Bundle, write_bundle
from pipelines.fusion.bundle_meta import BundleMeta
from pipelines.fusion.design import DESIGN_NAMES
from pipelines.fusion.horizon import HorizonModel
from pipelines.fusion.linear import LinearModel
from pipelines.recipes import recipe_id
from pipelines.registry.promote import register_bundle
from serving.app import create_app
from serving.settings import Settings

HORIZONS = (1, 4)


@pytest.fixture
def where(home: Path, empty_registry: Path) -> Places:
    """A home whose registry is empty but made."""
    target = home / "artifacts" / "mlflow" / "mlflow.db"
    target.parent.mkdir(parents=True)
    shutil.copy(empty_registry, target)
    return Places(home=home)


@pytest.fixture
def nowhere(home: Path) -> Places:
    """A home without a registry."""
    return Places(home=home)


def write_linear(folder: Path, bias: float) -> Path:
    """A linear bundle; another bias is another bundle."""
    width = len(DESIGN_NAMES)
    linear = LinearModel(np.zeros(width), np.ones(width), np.full(width, 0.1), bias)
    models = {h: HorizonModel(h, linear) for h in HORIZONS}
    meta = BundleMeta(
        head="linear",
        recipe=RECIPE,
        recipe_id=recipe_id(RECIPE),
        lambda_shift=0.0,
        lambda_reason="the linear head reads no vectors",
        horizons_weeks=HORIZONS,
        decision_thresholds={h: 0.5 for h in HORIZONS},
        threshold_cases={"05001": 40.0, "05360": 8.0},
        image_encoder={},
        text_encoder={},
        prompt_template_id="p1",
        language="es",
        label_rule_id="median_2016_2017",
        dataset_version="d1",
        embedding_version="e1",
        feature_version="f1",
        as_of_week="2018-w48",
        synthetic_scenes=True,
        covariate_names=COVARIATE_NAMES,
    )
    return write_bundle(Bundle(meta, models), folder / f"bias{bias:g}" / "bundle")


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Path]:
    """Write a linear bundle; another bias is another bundle."""

    def make(bias: float = -1.0) -> Path:
        return write_linear(tmp_path / "made", bias)

    return make


@pytest.fixture(scope="session")
def three_versions(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Path:
    """artifacts/mlflow with versions 1, 2 and 3 and no alias, made once."""
    home = tmp_path_factory.mktemp("three")
    where = Places(home=home)
    (where.artifacts / "mlflow").mkdir(parents=True)
    shutil.copy(empty_registry, where.artifacts / "mlflow" / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for bias in (-1.0, -1.02, -1.04):  # as far apart as weekly refits are
            register_bundle(write_linear(home / "made", bias), "weekly", where=where)
    return where.artifacts / "mlflow"


@pytest.fixture
def three(home: Path, three_versions: Path) -> Places:
    """A home of one test whose registry holds versions 1, 2 and 3, and nobody serves."""
    mlflow = Places(home=home).artifacts / "mlflow"
    shutil.copytree(three_versions, mlflow)
    database = sqlite3.connect(mlflow / "mlflow.db")
    for table, column in _LOCATIONS:  # MLflow keeps absolute addresses
        moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608
        database.execute(moved, (str(three_versions), str(mlflow)))
    database.commit()
    database.close()
    return Places(home=home)


_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


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
