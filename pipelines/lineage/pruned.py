"""What retention took away, and when: the events `pruned` by name."""

from __future__ import annotations

from pipelines.config import DeploymentPaths
from pipelines.run.events import read_events


def pruned_on(paths: DeploymentPaths) -> dict[str, str]:
    """Path relative to home, or id of a version -> the day (UTC) on which it was pruned last."""
    found: dict[str, str] = {}
    for event in read_events(paths, "pruned"):
        names = event.get("names")
        for name in names if isinstance(names, list) else []:
            found[str(name)] = str(event.get("at", ""))[:10]
    return found


def day_of(pruned: dict[str, str], name: str) -> str | None:
    """When a file or folder, or one around it, was pruned; None if it never was."""
    while name and name != ".":
        if name in pruned:
            return pruned[name]
        name = name.rpartition("/")[0]
    return None
