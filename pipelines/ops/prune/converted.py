"""Networks that were converted for another runtime and that nothing needs any more.

One stays as long as the vectors of its weights would (pipelines/ops/prune/spaces.py), and goes
when libraries have moved on, too: another version converts anew. One without a record of what it
was made of is left alone until it is used again, which writes the record.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from pipelines.config import DeploymentPaths
from pipelines.embed.base import installed_versions, weights_cache
from pipelines.embed.compiled import CONVERTED, MADE_OF
from pipelines.ops.prune.items import Item, entries, item
from pipelines.ops.prune.retained import Retained
from pipelines.ops.prune.spaces import held_by_rows, named_weights
from pipelines.storage import read_json

ROOM = "converted"


def of_converted(paths: DeploymentPaths, retained: Retained) -> Iterator[Item]:
    """Networks that may go. Raises StoreError as `of_spaces` does."""
    weeks = retained.retention.runs_weeks
    old = [
        folder
        for folder in entries(weights_cache(paths) / CONVERTED)
        if (folder / MADE_OF).is_file() and retained.weeks_old(folder) >= weeks
    ]
    held = held_by_rows(paths, retained) if old else None
    if held is None:
        return
    in_rows = {json.loads(spec).get("weights_sha256") for spec in held}
    named = named_weights(paths, retained) | in_rows
    for folder in old:
        if why := _why(folder, named):
            yield item(paths, ROOM, folder, f"{why}; converted {weeks} weeks ago or before")


def _why(folder: Path, named: set[str]) -> str:
    """Why a network may go; "" if it may not."""
    made_of = read_json(folder / MADE_OF)
    if made_of.get("weights_sha256") not in named:
        return "no rows, profile or adopted encoder needs its weights"
    versions = cast(Mapping[str, str], made_of.get("library_versions", {}))
    if installed_versions(versions) != versions:
        return "the libraries that converted it are no longer installed"
    return ""
