"""A tabular pipeline of 45 municipalities without encoders: the shortest real road there is.

The `ci` profile with the linear head alone, an empty text window and no scenes, on 45 rows of the
Colombian table. Tests of steps, registry, forecast and report that need a run walk this one: it is
walked once for all processes of a test session, and each test that changes something gets a copy.
"""

from __future__ import annotations

import csv
import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from e2e.roads import Home
from filelock import FileLock
from support.drops import table_drop

from pipelines.data.drop_info import DropInfo
from pipelines.data.sources.sample import package_table

UNITS = 45
CODE = "Municipality code"
ALWAYS = ("5001", "5360", "8001", "23001", "41001", "50001", "54001", "68001", "73001", "76001")
INFO = DropInfo(received_date=date(2018, 12, 4), scene_period="month", source_note="test")
FIRST = "first"  # the run that was walked


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


def walk_tabular(home: Home, run_id: str, *arguments: str) -> None:
    """Walk one run of the profile, by the command, in this process."""
    profile = str(home.path / "tabular.yaml")
    home.denguard_here(
        "run", "--profile", profile, "--horizon", "4", "--run-id", run_id, *arguments
    )


def _moved(home: Path, before: Path) -> None:
    """MLflow keeps absolute addresses: make those of a copied home its own."""
    database = sqlite3.connect(home / "artifacts" / "mlflow" / "mlflow.db")
    for table, column in _ADDRESSES:
        moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608
        database.execute(moved, (str(before), str(home)))
    database.commit()
    database.close()


_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


@pytest.fixture(scope="session")
def tabular(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployment after one run, `first`, of which a champion serves. Change nothing in it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one for all processes of this session
        base = base.parent
    home = Home(base / "tabular")
    with FileLock(base / "tabular.lock"):
        if not (base / "tabular.walked").exists():
            shutil.rmtree(home.path, ignore_errors=True)
            (home.path / "data").mkdir(parents=True)
            tabular_profile(home.path / "tabular.yaml")
            tabular_drop(home.path / "data" / "drops", tmp_path_factory.mktemp("table"))
            walk_tabular(home, FIRST)
            (base / "tabular.walked").touch()
    return home


@pytest.fixture
def unwalked_tabular(tabular: Home, tmp_path: Path) -> Home:
    """A deployment of a test's own that holds the drop and was never run."""
    home = Home(tmp_path / "unwalked")
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
        _moved(home.path, tabular.path)
        monkeypatch.setenv("DENGUARD_HOME", str(home.path))
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        monkeypatch.delenv("DENGUARD_ENDPOINT_URL", raising=False)
        return home

    return make
