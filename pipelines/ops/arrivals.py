"""What arrived after the last cycle and no run has read: a drop, or answers about held values.

Cheap enough for every half hour.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from pipelines.config import DeploymentPaths
from pipelines.data.plausible.listed import unapplied_answers
from pipelines.errors import DenguardError
from pipelines.run.lock import holder
from pipelines.run.outputs import IngestOutput
from pipelines.run.withdrawn import withdrawn

log = logging.getLogger(__name__)
SETTLED = timedelta(minutes=2)  # a folder that was touched since may still be copied in


def waiting_drop(paths: DeploymentPaths, now: datetime) -> str | None:
    """Name of the newest drop that no run has read, or None; None too while a run is at work.

    A drop whose run was stopped by its data was read: a corrected one is a new drop. Where every
    drop was read and somebody answered since, it is "answers-" and what was answered.

    Args:
        now: with its time zone.
    """
    if holder(paths) is not None or not paths.drops.is_dir():
        return None
    settled = (now - SETTLED).timestamp()
    names = [
        p.name
        for p in paths.drops.iterdir()
        if (p / "drop.yaml").is_file() and p.stat().st_mtime < settled
    ]
    unread = set(names) - _read_by_a_run(paths) - withdrawn(paths, "drop").keys()
    return max(unread, default=None) or _answered(paths)


def _answered(paths: DeploymentPaths) -> str | None:
    try:
        answers = unapplied_answers(paths)
    except DenguardError as err:  # the run that reads them fails with the full message
        log.warning("%s", err)
        return None
    return f"answers-{answers}" if answers else None


def _read_by_a_run(paths: DeploymentPaths) -> set[str]:
    """Names of the drops in every run's ingest.json."""
    found: set[str] = set()
    for path in (paths.artifacts / "runs").glob("*/ingest.json"):
        try:
            found |= IngestOutput.read(path.parent).dates
        except DenguardError:  # a damaged record knows nothing
            continue
    return found
