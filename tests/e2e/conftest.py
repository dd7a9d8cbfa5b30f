"""Whole cycles on the `ci` profile: a short one of 45 municipalities, and slow ones of all 1,121.

Each is run once. The slow ones are run by the command in processes of their own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.drops import table_drop
from support.homes import Home
from support.tabular import cut_table

from pipelines.data.sources import sample
from pipelines.data.sources.sample import make_sample_drop
from pipelines.data.sources.synthetic_scenes import render_scenes

WITH_SCENES = ("05001", "05360", "76001")  # enough for a cycle: embedding takes most of its time


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
def finished(new_home: Callable[[str], Home]) -> Home:
    """A deployment after one undisturbed run, `first`; do not change its drops."""
    home = new_home("undisturbed")
    home.run_cycle("first")
    return home


@pytest.fixture(scope="session")
def finished_short(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same of 45 municipalities, with scenes from 2017 on, where the prompts begin: in a tenth
    of the time."""
    home, work = Home(tmp_path_factory.mktemp("short")), tmp_path_factory.mktemp("cut")
    table, images = cut_table(work / "metadata.csv"), work / "images"
    render_scenes(table, WITH_SCENES, 2017 * 12, sample.LAST_SCENE_MONTH, images)
    drops = home.path / "data" / "drops"
    table_drop(table, images, drops, sample.SAMPLE_INFO, until=sample.UNTIL_WEEK)
    home.run_cycle_here("first")
    return home


@pytest.fixture(params=["finished_short", pytest.param("finished", marks=pytest.mark.slow)])
def cycle(request: pytest.FixtureRequest) -> Home:
    """Both of them, one after the other."""
    home: Home = request.getfixturevalue(request.param)
    return home
