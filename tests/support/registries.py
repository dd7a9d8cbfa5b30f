"""Small bundles and registries of them, a port that nobody answers at, and a disk that loses
bytes."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from pathlib import Path

import pytest

from pipelines.config import DeploymentPaths
from pipelines.fusion.bundle import write_bundle
from pipelines.recipes import recipe_id
from pipelines.registry.lookup import get_version
from pipelines.registry.register import register_bundle
from support.linear_bundle import linear_bundle

RECIPE = {"head": "linear", "labels": {"rule_id": "median_2016_2017"}}  # as little as one can say
_TAKEN: list[socket.socket] = []


def closed_port() -> int:
    """A port that refuses everybody: it is taken, so that no other test listens there meanwhile."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    _TAKEN.append(taken)
    return int(taken.getsockname()[1])


def damage(paths: DeploymentPaths, version: str) -> None:
    """Break a registered bundle, as a bad disk would, and whatever was fetched of it."""
    stored = paths.artifacts / "mlflow" / "artifacts" / get_version(version).run_id
    weights = min(stored.rglob("linear.safetensors"))
    weights.write_bytes(b"damaged")
    shutil.rmtree(paths.artifacts / "bundles", ignore_errors=True)


def write_linear(folder: Path, bias: float) -> Path:
    """A linear bundle; another bias is another bundle."""
    of = linear_bundle(bias, 0.1, recipe=RECIPE, recipe_id=recipe_id(RECIPE))
    return write_bundle(of, folder / f"bias{bias:g}" / "bundle")


_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def moved_registry(mlflow: Path, before: Path) -> None:
    """MLflow keeps absolute addresses: make those of a copied folder its own."""
    database = sqlite3.connect(mlflow / "mlflow.db")
    for table, column in _LOCATIONS:
        moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608
        database.execute(moved, (str(before), str(mlflow)))
    database.commit()
    database.close()


@pytest.fixture(scope="session")
def three_versions(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Path:
    """artifacts/mlflow with versions 1, 2 and 3 and no alias, made once."""
    home = tmp_path_factory.mktemp("three")
    paths = DeploymentPaths(home=home)
    (paths.artifacts / "mlflow").mkdir(parents=True)
    shutil.copy(empty_registry, paths.artifacts / "mlflow" / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for bias in (-1.0, -1.02, -1.04):  # as far apart as weekly refits are
            register_bundle(write_linear(home / "made", bias), "weekly", paths=paths)
    return paths.artifacts / "mlflow"


@pytest.fixture
def three(home: Path, three_versions: Path) -> DeploymentPaths:
    """A home of one test whose registry holds versions 1, 2 and 3, and nobody serves."""
    mlflow = DeploymentPaths(home=home).artifacts / "mlflow"
    shutil.copytree(three_versions, mlflow)
    moved_registry(mlflow, three_versions)
    return DeploymentPaths(home=home)
