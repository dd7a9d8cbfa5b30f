"""Whole roads on the `ci` profile, walked by the command in processes of their own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.roads import Home

from pipelines.data.sources.sample import make_sample_drop

WITH_SCENES = {"05001", "05360", "76001"}  # enough for a road: embedding takes most of its time


@pytest.fixture(scope="session")
def sample_drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample drop with the scenes of three municipalities, made once for all homes."""
    drop = make_sample_drop(tmp_path_factory.mktemp("sample") / "drops")
    for folder in (drop / "images").iterdir():
        if folder.name not in WITH_SCENES:
            shutil.rmtree(folder)
    return drop


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory, sample_drop: Path) -> Callable[[str], Home]:
    """Makes deployments that hold the sample drop."""

    def make(name: str) -> Home:
        home = Home(tmp_path_factory.mktemp(name))
        (home.path / "data").mkdir()
        copy = ["cp", "-al", str(sample_drop.parent), str(home.path / "data" / "drops")]
        subprocess.run(copy, check=True, timeout=60)
        return home

    return make


@pytest.fixture(scope="session")
def walked(new_home: Callable[[str], Home]) -> Home:
    """A deployment after one undisturbed run, `first`; do not change its drops."""
    home = new_home("undisturbed")
    home.road("first")
    return home
