"""What would go, put together without touching anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.config import DeploymentPaths
from pipelines.ops.prune.items import Item
from pipelines.ops.prune.left import leftovers
from pipelines.ops.prune.recorded import of_mlflow
from pipelines.ops.prune.rooms import of_home
from pipelines.ops.prune.shelved import of_remote
from pipelines.ops.prune.stays import Stays, what_stays
from pipelines.retention_config import RetentionConfig


@dataclass(frozen=True)
class Plan:
    """What goes, in the order in which it does: versions, then folders, then leftovers."""

    stays: Stays
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
    """
    stays = what_stays(paths, retention, clock)
    items = (
        *of_remote(paths, stays),
        *of_home(paths, stays),
        *of_mlflow(paths, stays),
        *leftovers(paths, clock),
    )
    return Plan(stays, items)
