"""A deployment is taken over to the installed release, with a way back."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from support.first_home import live_in, unpack_first_home
from support.homes import Home

from pipelines.backup.databases import Database
from pipelines.backup.make import Wish
from pipelines.backup.restore import restore
from pipelines.backup.schemas import known_revisions, noted_release
from pipelines.backup.upgrade import upgrade
from pipelines.backup.vault import Vault
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError
from pipelines.ops.airflow import AIRFLOW_URI
from pipelines.storage import write_json

NOW = datetime(2026, 11, 30, 6, tzinfo=UTC)


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A deployment of the first version."""
    home = unpack_first_home(tmp_path / "home")
    live_in(home, monkeypatch)
    return Home(home)


def _paths(home: Home) -> DeploymentPaths:
    return DeploymentPaths(home=home.path)


def _registry(home: Home) -> Path:
    return home.path / "artifacts" / "mlflow" / "mlflow.db"


def _at_revision(file: Path, revision: str) -> None:
    """An empty registry as an older MLflow made it."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base as Initial
    from sqlalchemy import create_engine

    file.unlink()
    Initial.metadata.create_all(create_engine(f"sqlite:///{file}"))
    command.upgrade(_get_alembic_config(f"sqlite:///{file}"), revision)
    with closing(sqlite3.connect(file)) as database, database:
        own = "insert into experiments values (0, 'Default', '/nowhere', 'active')"
        database.execute(own)  # every registry that was ever opened has it


def _set_revision(file: Path, revision: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("update alembic_version set version_num = ?", (revision,))


def test_a_deployment_of_the_first_version_is_the_same_after_the_upgrade_and_after_the_way_back(
    first: Home, tmp_path: Path
) -> None:
    vault = Vault(str(tmp_path / "vault"))
    done = upgrade(_paths(first), vault, Wish(), NOW)
    facts = done.record.facts[""]
    assert done.holds and facts.champion == "1" and facts.links > 5 and facts.broken == 0
    assert noted_release(_paths(first)) != ""
    assert {row.what for row in done.proof} >= {"champion's bundle", "its bytes", "audit"}

    back = restore(_paths(first), vault, done.record.name, over=True, clock=NOW)
    assert back.holds and noted_release(_paths(first)) == ""
    assert "Every link" in first.denguard_here("trace", "2018-w48/05001/4", "--verify")


def test_a_registry_of_an_older_mlflow_is_migrated_after_it_was_copied(
    first: Home, tmp_path: Path
) -> None:
    old = "728d730b5ebd"  # as MLflow 1.0 left it
    assert old in known_revisions("mlflow", "alembic_version")
    _at_revision(_registry(first), old)
    vault = Vault(str(tmp_path / "vault"))
    done = upgrade(_paths(first), vault, Wish(), NOW)
    assert done.holds
    name = "mlflow alembic_version"
    assert (done.before[name], done.record.databases[0].revisions) == (
        old,
        {"alembic_version": old},
    )
    assert done.after[name] in known_revisions("mlflow", "alembic_version") - {old}
    restore(_paths(first), vault, "", over=True, clock=NOW)
    assert Database("mlflow", f"sqlite:///{_registry(first)}").revisions() == {
        "alembic_version": old
    }


def test_the_command_prints_how_to_go_back(first: Home, tmp_path: Path) -> None:
    said = first.denguard_here("upgrade", "--into", str(tmp_path / "vault"))
    assert f"denguard restore {tmp_path / 'vault'} --backup 20" in said and "--over" in said
    assert "then install denguard 0.1 again" in said
    again = first.denguard_here("upgrade", "--into", str(tmp_path / "vault"))
    assert f"then install denguard {version('denguard')} again" in again


def test_a_database_or_home_of_a_newer_release_is_refused_before_anything_is_done(
    first: Home, tmp_path: Path
) -> None:
    vault = Vault(str(tmp_path / "vault"))
    write_json(first.path / "artifacts" / "release.json", {"denguard": "99.0"})
    with pytest.raises(ConfigError, match=r"denguard 99\.0 was at work"):
        upgrade(_paths(first), vault, Wish(), NOW)
    (first.path / "artifacts" / "release.json").unlink()
    _set_revision(_registry(first), "ffffffffffff")
    with pytest.raises(ConfigError, match="a newer one made it"):
        upgrade(_paths(first), vault, Wish(), NOW)
    assert vault.names() == []


def test_a_migration_that_fails_says_how_to_go_back(first: Home, tmp_path: Path) -> None:
    vault = Vault(str(tmp_path / "vault"))
    _set_revision(_registry(first), "728d730b5ebd")  # its migrations find the newer tables there
    with pytest.raises(StoreError, match="could not be migrated") as caught:
        upgrade(_paths(first), vault, Wish(), NOW)
    assert f"--backup {vault.names()[0]} --over" in caught.value.fix


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_older_airflows_database_is_migrated_by_airflow(first: Home, tmp_path: Path) -> None:
    file = first.path / "artifacts" / "local" / "airflow" / "airflow.db"
    file.parent.mkdir(parents=True)
    own = {AIRFLOW_URI: f"sqlite:///{file}", "AIRFLOW_HOME": str(file.parent)}
    made = [sys.executable, "-m", "airflow", "db", "migrate", "--to-version", "3.1.0"]
    subprocess.run(made, env={**os.environ, **own}, check=True, timeout=600, capture_output=True)
    database = Database("airflow", own[AIRFLOW_URI])
    old = database.revisions()["alembic_version"]
    done = upgrade(_paths(first), Vault(str(tmp_path / "vault")), Wish(), NOW)
    assert done.before["airflow alembic_version"] == old
    assert done.after["airflow alembic_version"] != old
    assert {d.name for d in done.record.databases} == {"mlflow", "airflow"}
