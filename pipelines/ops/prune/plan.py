"""What would be deleted, put together without touching anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.config import DeploymentPaths
from pipelines.ops.prune.airflow import of_airflow
from pipelines.ops.prune.folders import of_home
from pipelines.ops.prune.items import Item
from pipelines.ops.prune.leftovers import leftovers
from pipelines.ops.prune.mlflow_runs import of_mlflow
from pipelines.ops.prune.retained import Retained, find_retained
from pipelines.ops.prune.versions import of_remote
from pipelines.retention_config import RetentionConfig


@dataclass(frozen=True)
class Plan:
    """What goes, in the order in which it does: versions, then folders, then leftovers."""

    retained: Retained
    items: tuple[Item, ...]

    @property
    def bytes(self) -> int:
        """Of all of it."""
        return sum(one.bytes for one in self.items)

    def rooms(self) -> dict[str, list[Item]]:
        """Room -> what goes of it, in the order of going."""
        found: dict[str, list[Item]] = {}
        for one in self.items:
            found.setdefault(one.room, []).append(one)
        return found


def plan(paths: DeploymentPaths, retention: RetentionConfig, clock: datetime) -> Plan:
    """Find what nothing needs any more. Nothing is changed.

    Raises:
        StoreError, VersioningError: something that decides cannot be read.
        ServiceError: Airflow's database does not answer.
    """
    retained = find_retained(paths, retention, clock)
    items = (
        *of_remote(paths, retained),
        *of_home(paths, retained),
        *of_mlflow(paths, retained),
        *of_airflow(paths, retained),
        *leftovers(paths, clock),
    )
    return Plan(retained, items)
