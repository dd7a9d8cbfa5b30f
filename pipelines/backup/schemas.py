"""Which schemas of databases the installed Airflow and MLflow know."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from pipelines.backup.databases import Database
from pipelines.backup.record import Record
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError
from pipelines.storage import read_json, write_json

_MIGRATIONS = {  # database, table of its revision -> folder of the migrations in the package
    ("airflow", "alembic_version"): "migrations",
    ("airflow", "alembic_version_fab"): "providers/fab/migrations",
    ("mlflow", "alembic_version"): "store/db_migrations",
    ("mlflow", "alembic_version_auth"): "server/auth/db/migrations",
    ("mlflow_auth", "alembic_version_auth"): "server/auth/db/migrations",
}
_REVISION = re.compile(r"""^revision\b[^=\n]*=\s*["'](\w+)["']""", re.MULTILINE)
_TAKE_BACK = "install the release that made it, or restore the backup from before it"


def require_not_newer(paths: DeploymentPaths, databases: list[Database]) -> None:
    """Raise ConfigError if a newer release than the installed one was at work here."""
    noted = noted_release(paths)
    if _ordered(noted) > _ordered(version("denguard")):
        raise ConfigError(
            f"denguard {noted} was at work here and {version('denguard')} is installed: a home is "
            "never taken back to an older release",
            where=str(paths.home),
            fix=_TAKE_BACK,
        )
    for database in databases:
        for table, revision in database.revisions().items():
            known = known_revisions(database.name, table)
            if known and revision not in known:
                raise ConfigError(
                    f"the database of {database.name} is at revision {revision}, which the "
                    f"installed {database.name} does not know: a newer one made it",
                    where=database.where,
                    fix=_TAKE_BACK,
                )


def known_revisions(name: str, table: str) -> set[str]:
    """Revisions that the installed package can migrate from or to; none if it is not installed."""
    folder, spec = _MIGRATIONS.get((name, table)), find_spec(name.removesuffix("_auth"))
    if folder is None or spec is None or not spec.submodule_search_locations:
        return set()
    versions = Path(spec.submodule_search_locations[0]) / folder / "versions"
    texts = (path.read_text(encoding="utf-8") for path in versions.glob("*.py"))
    return {found for text in texts for found in _REVISION.findall(text)}


def noted_release(paths: DeploymentPaths) -> str:
    """Release of denguard that upgraded this home last; "" if none noted it."""
    file = _file(paths)
    return str(read_json(file).get("denguard", "")) if file.is_file() else ""


def note_release(paths: DeploymentPaths, record: Record) -> None:
    """Note the installed release, and the backup that leads back."""
    write_json(_file(paths), {"denguard": version("denguard"), "backup": record.name})


def _file(paths: DeploymentPaths) -> Path:
    return (paths.root or paths.home) / "artifacts" / "release.json"


def _ordered(release: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", release)[:3]))
