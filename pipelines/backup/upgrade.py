"""Takes a deployment over to the installed release: a backup, the migrations, the proof."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from pipelines.backup.databases import Database, find_databases
from pipelines.backup.make import Wish, backup
from pipelines.backup.places import lines_of
from pipelines.backup.proof import Compared, prove
from pipelines.backup.record import Record
from pipelines.backup.schemas import note_release, noted_release, require_not_newer
from pipelines.backup.vault import Vault
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, DenguardError, ServiceError, StoreError
from pipelines.local.layout import Layout
from pipelines.local.services import load_state
from pipelines.ops.airflow import airflow, airflow_environment
from pipelines.run.lock import hold

log = logging.getLogger(__name__)
LOCK_NAME = "upgrade"
_FIRST = "0.1"
_MIGRATE_TIMEOUT_S = 3600.0
_FAB = "alembic_version_fab"
_FAB_MANAGER = "fab_auth_manager"


@dataclass(frozen=True)
class Upgraded:
    """The backup that was made first, revisions before and after, the proof, and what to type to
    have it as it was."""

    record: Record
    before: Mapping[str, str]
    after: Mapping[str, str]
    proof: tuple[Compared, ...]
    way_back: str

    @property
    def holds(self) -> bool:
        """Whether all that counts is as before."""
        return all(row.same for row in self.proof if row.counts)


def upgrade(paths: DeploymentPaths, vault: Vault, wish: Wish, clock: datetime) -> Upgraded:
    """Back up, migrate Airflow's and MLflow's databases, and compare.

    Raises:
        ConfigError: services of this machine run, or a newer release was at work here.
        BusyError: a run is at work.
        StoreError: the backup or a migration failed; the error says how to go back.
    """
    root = DeploymentPaths(home=paths.root or paths.home)
    _require_stopped(root)
    databases = find_databases(root)
    require_not_newer(root, databases)
    before = _revisions(databases)
    record = backup(root, vault, wish, clock).record
    back = _way_back(vault, record, noted_release(root))
    with ExitStack() as held:
        for line in lines_of(root).values():
            held.enter_context(hold(line, LOCK_NAME))
        for database in databases:
            log.info("migrating the database of %s", database.name)
            _migrate(root, database, back)
        note_release(root, record)
    rows = [row for row in prove(root, record, databases) if not row.what.endswith("'s schema")]
    return Upgraded(record, before, _revisions(databases), tuple(rows), back)


def _way_back(vault: Vault, record: Record, release: str) -> str:
    """By the release of before, which the first version did not note; what it lacks, as this
    command, the installed one still has."""
    return (
        f"denguard restore {vault.uri} --backup {record.name} --over; "
        f"then install denguard {release or _FIRST} again"
    )


def _require_stopped(root: DeploymentPaths) -> None:
    state = load_state(Layout(root))
    if alive := [name for name in state.processes if state.alive(name)]:
        raise ConfigError(
            f"services of this deployment run: {', '.join(alive)}",
            where=str(root.home),
            fix="stop them with make down, then upgrade",
        )


def _revisions(databases: list[Database]) -> dict[str, str]:
    return {
        f"{database.name} {table}": revision
        for database in databases
        for table, revision in database.revisions().items()
    }


def _migrate(root: DeploymentPaths, database: Database, back: str) -> None:
    if database.name == "airflow":
        fab = _FAB in database.tables() or _FAB_MANAGER in os.environ.get(
            "AIRFLOW__CORE__AUTH_MANAGER", ""
        )
        try:
            for command in ("db", "fab-db") if fab else ("db",):
                airflow(airflow_environment(root) or {}, [command, "migrate"], _MIGRATE_TIMEOUT_S)
        except ServiceError as err:
            raise StoreError(err.what, where=database.where, fix=f"to go back, {back}") from err
        return
    from pipelines.registry import database as registry
    from pipelines.registry.lookup import registry_errors

    try:
        with registry_errors("MLflow's database could not be migrated"):
            migrate = registry.migrate_users if database.name == "mlflow_auth" else registry.migrate
            migrate(database.uri)
    except DenguardError as err:
        raise StoreError(err.what, where=database.where, fix=f"to go back, {back}") from err
