"""Databases on PostgreSQL: dumped, put back and moved aside by its own programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.registries import write_linear

from pipelines.backup import postgres as programs
from pipelines.backup.databases import MLFLOW_URI, Database
from pipelines.backup.make import Wish, backup
from pipelines.backup.proof import compare_database
from pipelines.backup.restore import restore
from pipelines.backup.vault import Vault
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError
from pipelines.ops.airflow import AIRFLOW_URI
from pipelines.registry.aliases import AuditReason
from pipelines.registry.deploy import deploy
from pipelines.registry.register import register_bundle
from pipelines.registry.rollback import roll_back

NOW = datetime(2026, 11, 30, 6, tzinfo=UTC)
New = Callable[[str], str]


@pytest.fixture
def served(
    postgres: New,
    home: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> DeploymentPaths:
    """A home whose registry is on PostgreSQL; version 2 serves, after a rollback of version 3."""
    uri = postgres(f"before_{len(request.node.name)}")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("DENGUARD_MLFLOW_ARTIFACTS_URI", (home / "artifacts/mlflow/files").as_uri())
    paths, made = DeploymentPaths(home=home), tmp_path_factory.mktemp("made")
    for bias in (-1.0, -1.02, -1.04):
        found = register_bundle(write_linear(made, bias), "weekly", paths=paths)
        deploy(found, paths=paths)
    roll_back(AuditReason(by="test", reason="looks wrong"), paths=paths)
    return paths


def test_a_registry_on_postgresql_is_restored_into_an_empty_database_and_another_home(
    served: DeploymentPaths, postgres: New, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(str(tmp_path.parent / f"{tmp_path.name}-vault"))
    made = backup(served, vault, Wish(), NOW)
    assert [d.kind for d in made.record.databases] == ["postgresql"]
    assert made.record.databases[0].rows["model_versions"] == 3
    assert made.record.facts[""].champion == "2" and made.record.facts[""].bundle

    served.home.rename(tmp_path.parent / f"{tmp_path.name}-lost")
    other = DeploymentPaths(home=tmp_path.parent / f"{tmp_path.name}-other")
    other.home.mkdir()
    monkeypatch.setenv("DENGUARD_HOME", str(other.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", postgres("after"))
    done = restore(other, vault, "", over=False, clock=NOW)
    assert [row for row in done.proof if not row.same] == []

    with pytest.raises(ConfigError, match="not empty"):
        restore(other, vault, "", over=False, clock=NOW)
    done = restore(other, vault, "", over=True, clock=NOW)
    assert done.holds
    assert any("before_restore_20261130t060000z" in place for place in done.aside)
    again = backup(other, vault, Wish(), datetime(2026, 12, 7, tzinfo=UTC))
    assert again.record.databases[0].rows == made.record.databases[0].rows


def test_a_database_that_does_not_answer_is_named_without_its_password(
    served: DeploymentPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MLFLOW_URI, "postgresql://denguard:hidden@127.0.0.1:1/mlflow")
    vault = Vault(str(tmp_path.parent / f"{tmp_path.name}-vault"))
    with pytest.raises(StoreError) as caught:
        backup(served, vault, Wish(), NOW)
    assert "127.0.0.1:1/mlflow" in str(caught.value) and "hidden" not in str(caught.value)
    assert vault.names() == []


def test_a_missing_program_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match="pg_dump is not installed"):
        programs.dump("postgresql://denguard@127.0.0.1/mlflow", tmp_path / "dump")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_airflows_database_on_postgresql_is_the_same_after_dump_and_restore(
    postgres: New, tmp_path: Path
) -> None:
    pytest.importorskip("asyncpg", reason="asyncpg is not installed: denguard[production]")
    before, after = (Database("airflow", postgres(name)) for name in ("airflow_a", "airflow_b"))
    _airflow(before.uri, tmp_path, "db", "migrate")
    _airflow(before.uri, tmp_path, "variables", "set", "place", "here")
    before.dump(tmp_path / "dump")
    assert after.tables() == set()
    after.load(tmp_path / "dump")
    assert after.tables() == before.tables() and after.revisions() == before.revisions()
    assert after.rows()["variable"] == 1
    _airflow(after.uri, tmp_path, "db", "check-migrations", "--migration-wait-timeout", "5")
    assert "here" in _airflow(after.uri, tmp_path, "variables", "get", "place")


def _airflow(uri: str, home: Path, *arguments: str) -> str:
    own = {
        AIRFLOW_URI: uri,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    }
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_copy_and_the_database_are_compared_by_schema_and_rows(served: DeploymentPaths) -> None:
    from pipelines.backup.record import DatabaseCopy

    now = Database("mlflow", served.tracking_uri)
    then = DatabaseCopy(
        name="mlflow",
        kind="postgresql",
        file="databases/mlflow.postgresql",
        revisions=now.revisions(),
        rows={**now.rows(), "model_versions": 2},
    )
    same = {row.what: row.same for row in compare_database(then, now)}
    assert same == {"mlflow's schema": True, "mlflow's rows": False}
