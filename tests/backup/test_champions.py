"""Who serves is read from the registry's database and files while MLflow's server is down."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from pipelines.backup.champions import DESTINATION
from pipelines.backup.databases import MLFLOW_URI, find_databases
from pipelines.backup.proof import registry_facts
from pipelines.backup.stores import stores_of
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError
from pipelines.registry.deploy import deploy
from pipelines.registry.lookup import get_version


def _behind_a_server(paths: DeploymentPaths) -> None:
    """Let the addresses of files be those that MLflow's server writes."""
    files = paths.artifacts / "mlflow" / "artifacts"
    with closing(sqlite3.connect(paths.artifacts / "mlflow" / "mlflow.db")) as database, database:
        for old in (files.as_uri(), str(files)):
            sql = "update runs set artifact_uri = replace(artifact_uri, ?, 'mlflow-artifacts:')"
            database.execute(sql, (old,))


def test_a_server_that_is_down_hides_neither_the_champion_nor_its_bundle(
    three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy("2", paths=three)
    wanted = get_version("2", three).bundle_id
    _behind_a_server(three)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="its database has to be named"):
        find_databases(three)
    monkeypatch.setenv(MLFLOW_URI, f"sqlite:///{three.artifacts / 'mlflow' / 'mlflow.db'}")
    (registry,) = find_databases(three)

    assert "only MLflow's server knows" in registry_facts(three, registry).problem
    monkeypatch.setenv(DESTINATION, str(three.artifacts / "mlflow" / "artifacts"))
    facts = registry_facts(three, registry)
    assert (facts.champion, facts.bundle, facts.problem) == ("2", wanted, "")
    assert stores_of(three) == {}  # it lies in the home, which is copied anyway


def test_files_that_are_gone_are_a_problem_in_words(three: DeploymentPaths) -> None:
    deploy("1", paths=three)
    (three.artifacts / "mlflow" / "artifacts").rename(three.artifacts / "mlflow" / "lost")
    (registry,) = find_databases(three)
    assert "not where the registry says" in registry_facts(three, registry).problem
