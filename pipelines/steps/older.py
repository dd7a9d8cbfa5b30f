"""Lines for runs of older versions, whose steps wrote none or shorter ones, made from files.

The first version wrote no event file; until 0.1.0 a line held how a step ended and no more.
Nothing is known then of when a step ended, of progress and of failures but the newest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipelines.run.events import Event
from pipelines.steps import summary
from pipelines.steps.failure import FAILURE
from pipelines.storage import read_json

_NUMBER = re.compile(r"_\d+$")  # of a shard or year


def lines(folder: Path, known: Sequence[Event]) -> Iterator[Event]:
    """Lines that steps of an older version would have left, from outputs and `failure.json`: they
    come before all that there are, and what those hold of a step counts.

    Args:
        known: the lines that there are; a step that they cover is not read from files.

    Raises:
        StoreError: a file is damaged.
    """
    covered = {e["step"] for e in known if e["kind"] == "step-started" or "documents" in e}
    for path in sorted(folder.glob("*.json")):
        part = _part_of(path.stem)
        step = _NUMBER.sub("", part)
        if part in covered or not summary.is_of_a_step(step):
            continue
        output = summary.read(step, read_json(path))
        yield {"kind": "step-done", "step": part, **summary.end_facts(folder.name, output)}
    if (folder / FAILURE).is_file():
        yield {"step": "", **read_json(folder / FAILURE), "kind": "step-failed"}


def begun(folder: Path) -> tuple[datetime, int] | None:
    """When a run was started, before any line: it is as old as its parameters; one that never got
    any, as its failure."""
    try:
        named = [path for path in (folder / "run.json", folder / FAILURE) if path.is_file()]
        return written(named[0]) if named else None
    except OSError:  # it may not be looked into, or was removed meanwhile; the others are listed
        return None


def last_write(folder: Path) -> datetime:
    """When something was written into a run's folder last; long ago if there is none."""
    there = [path for path in (folder, *folder.glob("*.json")) if path.exists()]
    times = (written(path)[0] for path in there)
    return max(times, default=datetime.min.replace(tzinfo=UTC))


def _part_of(stem: str) -> str:
    if stem == "run":
        return "start"
    return re.sub(r"^embed_(?=\d)", "embed_shard_", stem)


def written(path: Path) -> tuple[datetime, int]:
    """When a file was written, to be compared with lines of other runs: it comes before them."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC), -1
