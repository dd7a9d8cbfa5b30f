"""MLflow's users have a database of their own, which comes back with the rest."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.first_home import live_in, unpack_first_home

from pipelines.backup.databases import USERS_URI
from pipelines.backup.make import Wish, backup
from pipelines.backup.restore import restore
from pipelines.backup.upgrade import upgrade
from pipelines.backup.vault import Vault
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError
from pipelines.registry.database import migrate_users

NOW = datetime(2026, 11, 30, 6, tzinfo=UTC)
ADD = "insert into users (username, password_hash, is_admin) values (?, 'x', 0)"


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeploymentPaths:
    """A deployment whose MLflow knows maria."""
    pytest.importorskip("flask_wtf", reason="flask_wtf is not installed: denguard[production]")
    home = unpack_first_home(tmp_path / "home")
    live_in(home, monkeypatch)
    users = tmp_path / "users.db"
    monkeypatch.setenv(USERS_URI, f"sqlite:///{users}")
    migrate_users(f"sqlite:///{users}")
    with closing(sqlite3.connect(users)) as database, database:
        database.execute(ADD, ("maria",))
    return DeploymentPaths(home=home)


def _names(tmp_path: Path, file: str) -> list[str]:
    with closing(sqlite3.connect(tmp_path / file)) as database:
        return [row[0] for row in database.execute("select username from users")]


def test_users_of_mlflow_come_back(
    deployment: DeploymentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(str(tmp_path / "vault"))
    made = backup(deployment, vault, Wish(), NOW)
    assert {one.name: one.rows.get("users") for one in made.record.databases} == {
        "mlflow": None,
        "mlflow_auth": 1,
    }
    other = DeploymentPaths(home=tmp_path / "other")
    other.home.mkdir()
    live_in(other.home, monkeypatch)
    monkeypatch.setenv(USERS_URI, f"sqlite:///{tmp_path / 'new.db'}")
    done = restore(other, vault, "", over=False, clock=NOW)
    assert done.holds and {"mlflow_auth's schema", "mlflow_auth's rows"} <= {
        row.what for row in done.proof
    }
    assert _names(tmp_path, "new.db") == ["maria"]


def test_a_restore_that_does_not_know_where_users_belong_begins_nothing(
    deployment: DeploymentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(str(tmp_path / "vault"))
    backup(deployment, vault, Wish(), NOW)
    monkeypatch.delenv(USERS_URI)
    other = DeploymentPaths(home=tmp_path / "other")
    other.home.mkdir()
    with pytest.raises(ConfigError, match="MLflow's users"):
        restore(other, vault, "", over=False, clock=NOW)
    assert not (other.home / "data").exists()


def test_an_upgrade_takes_users_along(deployment: DeploymentPaths, tmp_path: Path) -> None:
    done = upgrade(deployment, Vault(str(tmp_path / "vault")), Wish(), NOW)
    assert done.holds
    assert "mlflow_auth alembic_version_auth" in done.after
    assert _names(tmp_path, "users.db") == ["maria"]
