"""A tabular pipeline of 45 municipalities without encoders: the shortest real cycle there is.

The `ci` profile with the linear head alone, an empty text window and no scenes, on 45 rows of the
Colombian table. Tests of steps, registry, forecast and report that need a run use this one: it is
made once for all processes of a test session, and each test that changes something gets a copy.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from filelock import FileLock

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.data.drop_info import DropInfo
from pipelines.data.sources.sample import package_table
from pipelines.errors import ValidationStopped
from pipelines.run import open_run
from pipelines.run.outputs import FixedDrop, IngestOutput
from pipelines.steps import outcome
from support.drops import table_drop
from support.homes import Home
from support.registries import moved_registry

UNITS = 45
CODE = "Municipality code"
ALWAYS = ("5001", "5360", "8001", "23001", "41001", "50001", "54001", "68001", "73001", "76001")
INFO = DropInfo(received_date=date(2018, 12, 4), scene_period="month", source_note="test")
FIRST = "first"  # the finished run


def tabular_profile(file: Path, **changes: Any) -> Path:
    """Write the profile; `changes` are whole sections such as train={...} to update."""
    text = (resources.files("pipelines") / "conf" / "ci.yaml").read_text(encoding="utf-8")
    profile: dict[str, Any] = yaml.safe_load(text)
    profile["profile"] = "tabular"
    profile["data"]["text_window"]["municipalities"] = []
    profile["train"]["heads"] = ["linear"]
    for section, keys in changes.items():
        profile[section] = {**profile.get(section, {}), **keys}
    file.write_text(yaml.safe_dump(profile), encoding="utf-8")
    return file


def cut_table(table: Path) -> Path:
    """The package's table with ten municipalities that are judged on, and the first 35 others."""
    with package_table().open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    at = header.index(CODE)
    judged = [row for row in rows if row[at] in ALWAYS]
    others = [row for row in rows if row[at] not in ALWAYS][: UNITS - len(judged)]
    with table.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([header, *judged, *others])
    return table


def tabular_drop(drops: Path, work: Path) -> Path:
    """The drop of 2018-12-04 of that table."""
    return table_drop(cut_table(work / "metadata.csv"), None, drops, INFO, until="2018-w48")


def run_tabular(home: Home, run_id: str, *arguments: str) -> None:
    """Make one run of the profile, by the command, in this process."""
    profile = str(home.path / "tabular.yaml")
    home.denguard_here(
        "run", "--profile", profile, "--horizon", "4", "--run-id", run_id, *arguments
    )


@pytest.fixture(scope="session")
def tabular(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployment after one run, `first`, of which a champion serves. Change nothing in it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one for all processes of this session
        base = base.parent
    home = Home(base / "tabular")
    with FileLock(base / "tabular.lock"):
        if not (base / "tabular.finished").exists():
            shutil.rmtree(home.path, ignore_errors=True)
            (home.path / "data").mkdir(parents=True)
            tabular_profile(home.path / "tabular.yaml")
            tabular_drop(home.path / "data" / "drops", tmp_path_factory.mktemp("table"))
            run_tabular(home, FIRST)
            (base / "tabular.finished").touch()
    return home


@pytest.fixture
def fresh_tabular(tabular: Home, tmp_path: Path) -> Home:
    """A deployment of a test's own that holds the drop and was never run."""
    home = Home(tmp_path / "fresh")
    shutil.copytree(tabular.path / "data", home.path / "data")
    shutil.copy(tabular.path / "tabular.yaml", home.path)
    return home


@pytest.fixture
def copied_tabular(
    tabular: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Home]:
    """Makes a test's own copy of that deployment, which the environment names from then on."""

    def make() -> Home:
        home = Home(tmp_path / "tabular")
        shutil.copytree(tabular.path, home.path)
        moved_registry(home.path / "artifacts" / "mlflow", tabular.path / "artifacts" / "mlflow")
        monkeypatch.setenv("DENGUARD_HOME", str(home.path))
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        monkeypatch.delenv("DENGUARD_ENDPOINT_URL", raising=False)
        return home

    return make


Cells = dict[str, str]  # municipality code as delivered -> its newest count


def next_week(home: Home, newest: Cells) -> None:
    """The drop of 2018-12-11, whose w49 has the counts of `newest`."""
    with package_table().open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    before = home.path / "data" / "drops" / "2018-12-04" / "metadata.csv"
    with before.open(encoding="utf-8", newline="") as handle:
        own = [row[0] for row in csv.reader(handle)][1:]
    code, week = header.index("Municipality code"), header.index("2018/w49")
    kept = [row for row in rows if row[code] in own]
    for row in kept:
        row[week] = newest.get(row[code], row[week])
    table = home.path / "week.csv"
    with table.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([header, *kept])
    info = DropInfo(received_date=date(2018, 12, 11), scene_period="month", source_note="test")
    table_drop(table, None, home.path / "data" / "drops", info, until="2018-w49")


def forecast(home: Home, run_id: str) -> pd.DataFrame:
    made = json.loads((home.path / "artifacts" / "runs" / run_id / "forecast.json").read_text())
    return pd.read_parquet(home.path / made["forecast"] / "forecast.parquet")


def paths(home: Home) -> DeploymentPaths:
    return DeploymentPaths(home=home.path)


def start(home: Home, run_id: str) -> None:
    steps.start(run_id, {"profile": str(home.path / "tabular.yaml"), "horizons": [4]})


def stopped(home: Home, run_id: str = "second") -> None:
    """What a run of the week after leaves whose data stopped it."""
    start(home, run_id)
    run = open_run(run_id)
    drops = open_run("first").output(IngestOutput).drops
    late = FixedDrop(received_date="2018-12-11", sha256="0" * 64)
    run.finish(IngestOutput(drops=(*drops, late)))
    outcome.fail(run.paths, run.run_id, "validate", ValidationStopped("the table holds no row"))
