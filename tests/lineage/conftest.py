"""The store with three runs as a fixture, and a way to damage a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.planted_lineage import FIRST_TRACE, FORECAST_TRACE, THIRD_TRACE, Planter, Store

from pipelines.config import DeploymentPaths


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The store as the three runs left it; whoever breaks something copies it first."""
    home = tmp_path_factory.mktemp("three-runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENGUARD_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        planter = Planter(DeploymentPaths(home=home))
        early = planter.drop("2018-12-04")
        planter.run("first", "2018-w48", [early], "promote")
        planter.run("second", "2018-w48", [early], "keep")
        planter.run("third", "2018-w52", [early, planter.drop("2019-01-02")], "promote")
        planter.answer("first", FIRST_TRACE, "1")
        planter.answer("third", THIRD_TRACE, "2")
        planter.answer("third", FORECAST_TRACE, "2", planter.store.forecasts["third"])
        yield planter.store


@pytest.fixture
def store(planted: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A copy of the store that a test may damage."""
    home = tmp_path / "home"
    shutil.copytree(planted.paths.home, home)
    monkeypatch.setenv("DENGUARD_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Store(
        DeploymentPaths(home=home),
        planted.datasets,
        planted.features,
        planted.bundles,
        planted.forecasts,
    )


@pytest.fixture
def damage(store: Store) -> Callable[..., Path]:
    """Change or remove a file or folder of the store."""

    def change(name: str, text: str | None = None) -> Path:
        path = store.paths.home / name
        if text is not None:
            path.write_text(text, encoding="utf-8")
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
        return path

    return change
