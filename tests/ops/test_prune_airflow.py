"""`denguard prune` and Airflow: old logs and old rows go, by Airflow's own command."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.config import DeploymentPaths
from pipelines.errors import ServiceError
from pipelines.ops.airflow import AIRFLOW_URI, airflow, airflow_environment, airflow_uri, log_folder
from pipelines.ops.prune.airflow import LOGS, ROWS, of_airflow
from pipelines.ops.prune.plan import plan
from pipelines.ops.prune.removal import prune
from pipelines.ops.prune.retained import find_retained
from pipelines.retention_config import RetentionConfig

NOW = datetime(2026, 11, 30, 6, tzinfo=UTC)
KEEP = RetentionConfig(airflow_weeks=26)


@pytest.fixture
def paths(home: Path, monkeypatch: pytest.MonkeyPatch) -> DeploymentPaths:
    monkeypatch.delenv(AIRFLOW_URI, raising=False)
    return DeploymentPaths(home=home)


def _log(folder: Path, weeks: int) -> Path:
    """A task's log that was written so long ago."""
    file = folder / "task_id=train" / "attempt=1.log"
    file.parent.mkdir(parents=True)
    file.write_text("a line\n")
    at = (NOW - timedelta(weeks=weeks)).timestamp()
    for path in (file, file.parent, folder):
        os.utime(path, (at, at))
    return folder


def test_without_airflow_nothing_of_it_is_listed(paths: DeploymentPaths) -> None:
    assert airflow_environment(paths) is None and airflow_uri(paths) == ""
    assert of_airflow(paths, find_retained(paths, KEEP, NOW)) == []


def test_airflow_is_found_in_the_environment_or_where_make_up_put_it(
    paths: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = paths.artifacts / "local" / "airflow" / "airflow.db"
    own.parent.mkdir(parents=True)
    own.touch()
    found = airflow_environment(paths)
    assert found is not None and log_folder(found) == own.parent / "logs"
    assert airflow_uri(paths) == f"sqlite:///{own}"
    monkeypatch.setenv(AIRFLOW_URI, "postgresql://airflow@postgres/airflow")
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", "/var/log/airflow")
    assert airflow_uri(paths) == "postgresql://airflow@postgres/airflow"
    assert log_folder(os.environ) == Path("/var/log/airflow")


def test_a_machine_without_airflows_command_says_where_to_run_it(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="not installed here"):
        airflow({"PATH": str(tmp_path)}, ["db", "clean"])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_logs_and_rows_older_than_retention_go_and_younger_ones_stay(
    paths: DeploymentPaths,
) -> None:
    home = paths.artifacts / "local" / "airflow"
    home.mkdir(parents=True)
    own = {AIRFLOW_URI: f"sqlite:///{home / 'airflow.db'}", "AIRFLOW_HOME": str(home)}
    made = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(made, env={**os.environ, **own}, check=True, timeout=600, capture_output=True)
    old = _log(home / "logs" / "dag_id=retraining" / "run_id=old", 30)
    young = _log(home / "logs" / "dag_id=retraining" / "run_id=young", 20)
    with closing(sqlite3.connect(home / "airflow.db")) as database, database:
        database.execute("delete from log")
        for event, weeks in (("old", 30), ("young", 20)):
            at = (NOW - timedelta(weeks=weeks)).strftime("%Y-%m-%d %H:%M:%S.000000")
            database.execute("insert into log (dttm, event) values (?, ?)", (at, event))

    listed = [one for one in plan(paths, KEEP, NOW).items if one.room in (LOGS, ROWS)]
    assert [one.room for one in listed] == [LOGS, ROWS]
    assert listed[0].name.endswith("run_id=old") and "1 rows" in listed[1].why
    assert old.is_dir()

    prune(paths, KEEP, NOW)
    assert young.is_dir() and not old.exists()
    with closing(sqlite3.connect(home / "airflow.db")) as database:
        left = database.execute("select event from log where event in ('old', 'young')").fetchall()
        tables = database.execute("select name from sqlite_master where name like '_airflow_del%'")
        assert (left, tables.fetchall()) == ([("young",)], [])
    assert [one for one in plan(paths, KEEP, NOW).items if one.room in (LOGS, ROWS)] == []
