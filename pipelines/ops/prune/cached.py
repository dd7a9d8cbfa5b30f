"""Results that are kept by content so that no run makes them twice, and that none used lately.

What is deleted is made again when it is needed, which takes time. What the newest run used is never
deleted, as the next one will use it again; where no run noted what it used, nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.ops.prune.items import Item, entries, item
from pipelines.ops.prune.retained import Retained
from pipelines.storage.kept import read_in_use


def of_cached(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    """What may go of all of them. Raises StoreError if a record of uses cannot be read."""
    for room in ("readings", "judged", "checked", "snapshots", "metrics", "pictures"):
        yield from _of(paths, retained, room, paths.artifacts / "cache" / room, "*")
    for model in entries(paths.artifacts / "refits"):
        if model.is_dir():
            yield from _of(paths, retained, "refits", model, "*/*")


def _of(
    paths: DeploymentPaths, retained: Retained, room: str, root: Path, depth: str
) -> Iterator[Item]:
    used = read_in_use(root)
    if used is None:
        return
    weeks = retained.retention.kept_weeks
    for path in sorted(root.glob(depth)):
        name = path.relative_to(root).as_posix()
        if (
            path.is_dir()
            and not path.name.startswith(".")
            and name not in used
            and retained.weeks_old(path) >= weeks
        ):
            yield item(
                paths, room, path, f"no run used it in {weeks} weeks; it is made again if one does"
            )
