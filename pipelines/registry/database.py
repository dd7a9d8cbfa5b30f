"""MLflow's database file: created, and migrated to the schema of the installed MLflow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_newest: set[str] = set()  # revisions that MLflow's migrations ended at in this process


def make(file: Path) -> None:
    """Make an empty database; some seventy migrations, one to two seconds."""
    migrate(f"sqlite:///{file}")


def bring_up_to_date(file: Path) -> None:
    """Migrate a database, unless it is where this process has already seen migrations end.

    Every step looks after its registry several times, and finding out from MLflow that there is
    nothing to migrate takes a tenth of a second.
    """
    if _revision(file) in _newest:
        return
    migrate(f"sqlite:///{file}")
    if revision := _revision(file):
        _newest.add(revision)


def migrate(uri: str) -> None:
    """Bring any database that MLflow knows to the newest schema, by MLflow's own migrations."""
    from mlflow.db import upgrade  # takes seconds, and only who writes needs it

    upgrade.callback(uri)


def _revision(file: Path) -> str | None:
    """The schema's revision that a database names; None of what is no such database."""
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            found = database.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:
        return None  # MLflow's own error says more
    return str(found[0][0]) if len(found) == 1 else None
