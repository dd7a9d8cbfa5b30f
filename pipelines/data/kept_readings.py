"""A cache of parsed old drops on the disk: each by itself, and small ones together as well.

A year of weekly news is fifty small folders, and opening each costs more than reading it. So a run
also keeps all drops but its newest together in one file. The next run opens that file and the one
drop that came since. What is kept together can always be made again from what is kept by itself.
Both are in artifacts/cache/readings.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.contracts import Issue, Level, content_id
from pipelines.data.drops import Drop
from pipelines.data.raw import RawDrop
from pipelines.errors import StoreError
from pipelines.storage import discard, new_folder, read_json, write_json
from pipelines.storage.kept import note_use
from pipelines.storage.parquet import frame_bytes, read_frame

log = logging.getLogger(__name__)
_FACTS, _NTH = "facts.json", "nth"
_EMPTY_UNLESS_KEPT = ("refused", "unsure", "yearly", "notes")  # most drops have none of them
_SMALL = 20_000  # cells; a larger drop, such as the first, costs little to open for its size
_STALE = 2  # newest states before the one in use that stay, for runs that go on meanwhile
_DAMAGED = (OSError, ValueError, KeyError, TypeError, StoreError, json.JSONDecodeError)


def save_one(raw: RawDrop, folder: Path) -> None:
    """Keep a drop; whole or not at all."""
    _save([raw], folder)


def load_one(folder: Path, drop: Drop) -> RawDrop | None:
    """What was kept of a drop; None if nothing was, or it is damaged."""
    found = _load(folder, [drop])
    return found[0] if found else None


def save_together(kept: Path, names: Sequence[str], raws: Sequence[RawDrop]) -> None:
    """Keep the small ones of these drops together.

    Args:
        names: under which each of the drops is kept by itself.
    """
    _save([raw for raw in raws if _is_small(raw)], together(kept, names))
    for stale in range(1, len(names) - _STALE):
        discard(together(kept, names[:stale]))


def load_together(kept: Path, names: Sequence[str], drops: Sequence[Drop]) -> list[RawDrop]:
    """The oldest drops, as many as were kept together and are there; perhaps none."""
    for count in range(len(names), 1, -1):
        folder = together(kept, names[:count])
        if not (folder / _FACTS).is_file():
            continue
        of = {drop.name: drop for drop in drops[:count]}
        small = {raw.drop.name: raw for raw in _load(folder, list(of.values())) or ()}
        found = [
            small.get(drop.name) or load_one(kept / name, drop)
            for drop, name in zip(of.values(), names, strict=False)
        ]
        if small and all(raw is not None for raw in found):
            return [raw for raw in found if raw is not None]
    return []


def together(kept: Path, names: Sequence[str]) -> Path:
    """Where the drops up to the last of these names are kept together."""
    return kept / content_id(["together", names[-1]])


def _is_small(raw: RawDrop) -> bool:
    return len(raw.cells) <= _SMALL


def _save(raws: Sequence[RawDrop], folder: Path) -> None:
    facts, parts = [], dict[str, list[pd.DataFrame]]()
    for nth, raw in enumerate(raws):
        frames = _frames(raw)
        facts.append({**_facts(raw), "drop": raw.drop.name, "frames": sorted(frames)})
        for name, frame in frames.items():
            parts.setdefault(name, []).append(frame.assign(**{_NTH: nth}))
    discard(folder)  # a damaged one, which would be read anew for ever
    with new_folder(folder) as temp:
        for name, own in parts.items():
            full = [frame for frame in own if len(frame)] or own[:1]
            table = pd.concat(full, ignore_index=True)
            (temp / f"{name}.parquet").write_bytes(frame_bytes(table))
        write_json(temp / _FACTS, {"drops": facts})


def _frames(raw: RawDrop) -> dict[str, pd.DataFrame]:
    found = {one.name: getattr(raw, one.name) for one in fields(RawDrop)}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, pd.DataFrame) and (len(value) or name not in _EMPTY_UNLESS_KEPT)
    }


def _facts(raw: RawDrop) -> dict[str, Any]:
    return {
        "issues": [asdict(issue) for issue in raw.issues],
        "n_received": dict(raw.n_received),
        "spans": dict(raw.spans),
        "latencies": dict(raw.latencies),
    }


def _load(folder: Path, drops: Sequence[Drop]) -> list[RawDrop] | None:
    """Those of the drops that are kept in a folder; None if it is not there, or damaged."""
    if not (folder / _FACTS).is_file():
        return None
    try:
        note_use(folder)
        facts: Any = read_json(folder / _FACTS)["drops"]
        names = sorted({name for one in facts for name in one["frames"]})
        frames = {name: _split(folder / f"{name}.parquet", len(facts)) for name in names}
        of = {drop.name: drop for drop in drops}
        return [
            _raw(of[one["drop"]], one, {name: frames[name][nth] for name in one["frames"]})
            for nth, one in enumerate(facts)
        ]
    except _DAMAGED as err:
        log.warning("the cache of read drops cannot be read; the drops are read again: %s", err)
        return None


def _split(path: Path, count: int) -> list[pd.DataFrame]:
    """Rows of each drop."""
    frame = read_frame(path)
    nth = frame.pop(_NTH).to_numpy()
    if count == 1:
        return [frame]
    ends = np.searchsorted(nth, np.arange(count + 1))
    return [frame.iloc[start:end].reset_index(drop=True) for start, end in pairwise(ends)]


def _raw(drop: Drop, facts: dict[str, Any], frames: dict[str, pd.DataFrame]) -> RawDrop:
    issues = [Issue(**{**one, "level": Level(one["level"])}) for one in facts["issues"]]
    return RawDrop(
        drop=drop,
        issues=tuple(issues),
        spans={file: tuple(ends) for file, ends in facts["spans"].items()},
        n_received=facts["n_received"],
        latencies=facts["latencies"],
        **frames,
    )
