"""Results that are kept by content so that no run makes them twice, and that none used lately.

What goes is made again when it is needed, at its price in time. Never goes what the newest run
used, as the next one will use it again; where no run said what it used, nothing goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.ops.prune.items import Item, entries, item
from pipelines.ops.prune.stays import Stays
from pipelines.storage.kept import read_in_use


def of_kept(paths: DeploymentPaths, stays: Stays) -> Iterator[Item]:
    """What may go of all three. Raises StoreError if a record of uses cannot be read."""
    yield from _of(paths, stays, "readings", paths.artifacts / "cache" / "readings", "*")
    yield from _of(paths, stays, "judged", paths.artifacts / "cache" / "judged", "*")
    for model in entries(paths.artifacts / "refits"):
        if model.is_dir():
            yield from _of(paths, stays, "refits", model, "*/*")


def _of(paths: DeploymentPaths, stays: Stays, room: str, root: Path, depth: str) -> Iterator[Item]:
    used = read_in_use(root)
    if used is None:
        return
    weeks = stays.retention.kept_weeks
    for path in sorted(root.glob(depth)):
        name = path.relative_to(root).as_posix()
        if (
            path.is_dir()
            and not path.name.startswith(".")
            and name not in used
            and stays.weeks_old(path) >= weeks
        ):
            yield item(
                paths, room, path, f"no run used it in {weeks} weeks; it is made again if one does"
            )
