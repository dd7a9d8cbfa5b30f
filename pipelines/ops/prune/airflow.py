"""Airflow's logs and the rows of its database that are older than retention keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.ops.airflow import airflow, airflow_environment, log_folder
from pipelines.ops.prune.items import Item, size_of
from pipelines.ops.prune.retained import Retained

LOGS, ROWS = "airflow logs", "airflow database"
_FOUND = re.compile(r"^Found (\d+) rows meeting deletion criteria", re.MULTILINE)
_CLEAN_TIMEOUT_S = 3600.0


def of_airflow(paths: DeploymentPaths, retained: Retained) -> list[Item]:
    """What may go of both, where this home's Airflow is configured.

    Raises:
        ServiceError: its database does not answer.
    """
    environment = airflow_environment(paths)
    if environment is None or paths.root is not None:  # further lines share the deployment's
        return []
    weeks = retained.retention.airflow_weeks
    logs = [
        Item(LOGS, _name(paths, path), size_of(path), f"written more than {weeks} weeks ago")
        for path in _old_logs(log_folder(environment), retained)
    ]
    rows = sum(map(int, _FOUND.findall(_clean(environment, retained, "--dry-run"))))
    why = f"{rows:,} rows older than {weeks} weeks; of each DAG the newest scheduled run stays"
    return [*logs, *([Item(ROWS, "airflow", 0, why)] if rows else [])]


def clean_rows(paths: DeploymentPaths, retained: Retained) -> None:
    """Delete the old rows, by Airflow's own command. Raises ServiceError."""
    environment = airflow_environment(paths)
    if environment is not None:
        _clean(environment, retained, "--skip-archive", "--error-on-cleanup-failure")


def _clean(environment: dict[str, str], retained: Retained, *how: str) -> str:
    before = retained.now - timedelta(weeks=retained.retention.airflow_weeks)
    stamp = before.isoformat(timespec="seconds")
    asked = ["db", "clean", "--yes", "--clean-before-timestamp", stamp, *how]
    return airflow(environment, asked, _CLEAN_TIMEOUT_S)


def _old_logs(folder: Path, retained: Retained) -> Iterator[Path]:
    """Folders of old runs of each DAG, and days of the DAG processor's."""
    for path in sorted([*folder.glob("dag_id=*/run_id=*"), *folder.glob("*/????-??-??")]):
        if path.is_symlink() or not path.is_dir():
            continue
        written = max(p.lstat().st_mtime for p in (path, *path.rglob("*")))
        age_s = retained.now.timestamp() - written
        if age_s >= timedelta(weeks=retained.retention.airflow_weeks).total_seconds():
            yield path


def _name(paths: DeploymentPaths, path: Path) -> str:
    inside = path.is_relative_to(paths.home)
    return path.relative_to(paths.home).as_posix() if inside else str(path)
