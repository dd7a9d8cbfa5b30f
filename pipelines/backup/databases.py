"""Databases of a deployment, MLflow's, its users' and Airflow's: SQLite files or PostgreSQL."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pipelines.backup import postgres
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError
from pipelines.ops.airflow import airflow_uri, own_airflow_uri
from pipelines.registry.named import sqlite_file

Name = Literal["mlflow", "mlflow_auth", "airflow"]
MLFLOW_URI = "MLFLOW_BACKEND_STORE_URI"
USERS_URI = "MLFLOW_AUTH_DATABASE_URI"  # of MLflow's users, where it has any
_COUNTED: dict[Name, tuple[str, ...]] = {
    "mlflow": ("experiments", "runs", "registered_models", "model_versions"),
    "mlflow_auth": ("users", "roles", "role_permissions"),
    "airflow": ("dag_run", "task_instance", "connection", "variable"),
}
_ADDRESSES = (  # where MLflow wrote absolute addresses of files
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("logged_models", "artifact_location"),
)
_NO_ADDRESS = (
    "MLflow is reached over http, so its database has to be named",
    f"set {MLFLOW_URI} to the server's own address of its database",
)


@dataclass(frozen=True)
class Database:
    """One database at its SQLAlchemy address."""

    name: Name
    uri: str

    @property
    def file(self) -> Path | None:
        """Of SQLite."""
        return sqlite_file(self.uri)

    @property
    def kind(self) -> Literal["sqlite", "postgresql"]:
        """Raises ConfigError for another kind."""
        if self.file is not None:
            return "sqlite"
        if postgres.is_postgres(self.uri):
            return "postgresql"
        raise ConfigError(
            f"the database of {self.name} is neither SQLite nor PostgreSQL",
            where=self.uri.partition(":")[0],
            fix="back it up with its own tools",
        )

    @property
    def where(self) -> str:
        """For people; without a password."""
        return str(self.file or postgres.shown(self.uri))

    def tables(self) -> set[str]:
        """Names of its tables; none of a file that is not there."""
        if self.file is None:
            return postgres.tables(self.uri)
        if not self.file.is_file():
            return set()
        return {row[0] for row in self.ask("select name from sqlite_master where type = 'table'")}

    def revisions(self) -> dict[str, str]:
        """Table of migrations -> the revision that the schema is at."""
        named = sorted(t for t in self.tables() if t.startswith("alembic_version"))
        found = {table: self.ask(f"select version_num from {table}") for table in named}  # noqa: S608
        return {table: rows[0][0] for table, rows in found.items() if rows}

    def rows(self) -> dict[str, int]:
        """Rows of the tables that people know."""
        there = self.tables()
        counted = [table for table in _COUNTED[self.name] if table in there]
        return {t: int(self.ask(f"select count(*) from {t}")[0][0]) for t in counted}  # noqa: S608

    def ask(self, sql: str) -> list[list[str]]:
        """Rows of a query, as text."""
        if self.file is None:
            return postgres.ask(self.uri, sql)
        with _opened(self.file) as database:
            return [[str(cell) for cell in row] for row in database.execute(sql).fetchall()]

    def dump(self, to: Path) -> None:
        """Write it as it is at one moment, while others may go on using it."""
        if self.file is None:
            postgres.dump(self.uri, to)
            return
        to.unlink(missing_ok=True)
        with _opened(self.file) as database, closing(sqlite3.connect(to)) as copy:
            database.backup(copy)
            copy.execute("pragma journal_mode = delete")

    def load(self, dumped: Path) -> None:
        """Fill it, which is empty, whole or not at all."""
        if self.file is None:
            postgres.load(self.uri, dumped)
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_name(f".{self.file.name}.new")
        shutil.copyfile(dumped, fresh)
        fresh.replace(self.file)

    def move_addresses(self, before: Path, now: Path) -> None:
        """Let MLflow's addresses of files of one home be those of another."""
        there = self.tables()
        pairs = {(str(before), str(now)), (quote(str(before)), quote(str(now)))}
        for table, column in _ADDRESSES if before != now else ():
            for old, new in pairs if table in there else ():
                self._replace(table, column, f"{old}/artifacts/", f"{new}/artifacts/")

    def _replace(self, table: str, column: str, old: str, new: str) -> None:
        sql = f"update {table} set {column} = replace({column}, :old, :new)"  # noqa: S608
        if self.file is None:
            quoted = sql.replace(":old", ":'old'").replace(":new", ":'new'")
            postgres.ask(self.uri, quoted, old=old, new=new)
            return
        with _opened(self.file) as database, database:
            database.execute(sql, {"old": old, "new": new})

    def set_aside(self, stamp: str) -> str:
        """Move what is in it out of the way, deleting nothing; where it is now."""
        if self.file is None:
            return f"{self.where}, schema {postgres.set_aside(self.uri, stamp)}"
        aside = self.file.with_name(f"{self.file.name}.before-{stamp}")
        for ending in ("", "-wal", "-shm"):
            path = self.file.with_name(self.file.name + ending)
            if path.exists():
                path.rename(aside.with_name(aside.name + ending))
        return str(aside)


def find_databases(paths: DeploymentPaths, needed: Iterable[str] = ()) -> list[Database]:
    """Databases of this deployment that can be reached from here; Airflow's may be none, and MLflow's
    users have one only where it has users.

    Args:
        needed: that must be known, though they may not exist yet.

    Raises:
        ConfigError: MLflow is a server and nothing says where its database is, or where that of its
            users is, which is needed.
        ServiceError: Airflow does not say where its is.
    """
    root = DeploymentPaths(home=paths.root or paths.home)
    found = [Database("mlflow", _mlflow(root))]
    if users := os.environ.get(USERS_URI):
        found.append(Database("mlflow_auth", users))
    elif "mlflow_auth" in needed:
        raise ConfigError(
            "nothing says where the database of MLflow's users is, and the backup holds one",
            where=USERS_URI,
            fix="set it to the address that MLflow's server has, and restore again",
        )
    uri = airflow_uri(root)
    if uri or "airflow" in needed:
        found.append(Database("airflow", uri or own_airflow_uri(root)))
    return [d for d in found if d.name in needed or d.file is None or d.file.is_file()]


def _mlflow(root: DeploymentPaths) -> str:
    uri = os.environ.get(MLFLOW_URI) or root.tracking_uri
    if uri.startswith(("http://", "https://")):
        what, fix = _NO_ADDRESS
        raise ConfigError(what, where=uri, fix=fix)
    return uri


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True)) as database:
            yield database
    except sqlite3.Error as err:
        raise StoreError(
            f"a database cannot be used: {err}",
            where=str(file),
            fix="put it back from a backup: denguard restore",
        ) from err
