"""MLflow's database file: created, and migrated to the schema of the installed MLflow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from pipelines.storage import write_atomic

_newest: set[str] = set()  # revisions that MLflow's migrations ended at in this process


def make(file: Path) -> None:
    """Make an empty database; some seventy migrations, one to two seconds."""
    migrate(f"sqlite:///{file}")


def bring_up_to_date(file: Path) -> None:
    """Migrate a database, unless it is where migrations of the installed MLflow end.

    Every step looks after its registry several times, and finding out from MLflow that there is
    nothing to migrate takes half a second of each process. So where they ended is noted beside the
    database, with MLflow's version: a backup that was put back is at another revision.
    """
    revision, noted = _revision(file), _noted(file)
    if revision is not None and (revision in _newest or noted == _note(revision)):
        return
    migrate(f"sqlite:///{file}")
    if revision := _revision(file):
        _newest.add(revision)
        if noted != _note(revision):
            write_atomic(_schema_of(file), _note(revision))


def migrate(uri: str) -> None:
    """Bring any database that MLflow knows to the newest schema, by MLflow's own migrations."""
    from mlflow.db import upgrade  # takes seconds, and only who writes needs it

    upgrade.callback(uri)


def migrate_users(uri: str) -> None:
    """The same of the database of MLflow's users, by the migrations of its basic-auth."""
    from mlflow.server.auth.db.cli import upgrade

    upgrade.callback(uri, "head")


def _schema_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.schema")


def _note(revision: str) -> str:
    return f"mlflow {version('mlflow-skinny')} {revision}\n"


def _noted(file: Path) -> str:
    try:
        return _schema_of(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""  # it is found out and noted again


def _revision(file: Path) -> str | None:
    """The schema's revision that a database names; None of what is no such database."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:
        return None  # MLflow's own error says more
    return str(found[0][0]) if len(found) == 1 else None
