"""When MLflow's migrations are asked for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.util import CommandError

from pipelines.registry import database


def test_a_database_is_migrated_once_a_process(
    empty_registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    migrate = database.migrate
    monkeypatch.setattr(database, "_newest", set())
    monkeypatch.setattr(database, "migrate", lambda uri: (asked.append(uri), migrate(uri)))

    for _ in range(3):
        database.bring_up_to_date(empty_registry)

    assert asked == [f"sqlite:///{empty_registry}"]


def test_a_database_of_another_revision_is_given_to_mlflow(
    empty_registry: Path, tmp_path: Path
) -> None:
    """The same file, put back from a copy of another MLflow's."""
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty_registry.read_bytes())
    database.bring_up_to_date(file)
    with closing(sqlite3.connect(file)) as other:
        other.execute("UPDATE alembic_version SET version_num = 'nobody-knows'")
        other.commit()

    with pytest.raises(CommandError, match="nobody-knows"):
        database.bring_up_to_date(file)


def test_the_next_process_does_not_ask_where_migrations_end(
    empty_registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty_registry.read_bytes())
    monkeypatch.setattr(database, "_newest", set())
    database.bring_up_to_date(file)
    asked: list[str] = []
    monkeypatch.setattr(database, "_newest", set())
    monkeypatch.setattr(database, "migrate", asked.append)
    database.bring_up_to_date(file)
    assert asked == []


@pytest.mark.parametrize("noted", ["mlflow 0.0.1 {}\n", "{}", ""])
def test_what_another_mlflow_noted_does_not_count(
    empty_registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: str
) -> None:
    file = tmp_path / "mlflow.db"
    file.write_bytes(empty_registry.read_bytes())
    with closing(sqlite3.connect(file)) as own:
        (revision,) = own.execute("SELECT version_num FROM alembic_version").fetchone()
    file.with_name("mlflow.db.schema").write_text(noted.format(revision))
    asked: list[str] = []
    monkeypatch.setattr(database, "_newest", set())
    monkeypatch.setattr(database, "migrate", asked.append)
    database.bring_up_to_date(file)
    assert asked == [f"sqlite:///{file}"]
