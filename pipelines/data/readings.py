"""Drops as their source reads them; of all but the newest only what was new in them, kept by content.

A drop repeats almost all of the one before it. What it repeats was checked there already, so a run that
has forty drops needs the whole of the newest alone: neither its memory nor its time grows with the drops.

Belongs here: what of a drop is new, and keeping it (artifacts/cache/readings). Does not belong here:
reading a drop (sources) and what is new among accepted records (raw.changed_cells).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.contracts import ADAPTERS, SOURCES, Issue, Level, content_id
from pipelines.data.drops import Drop
from pipelines.data.raw import KnownValues, RawDrop
from pipelines.data.sources import Context
from pipelines.errors import StoreError
from pipelines.storage import discard, new_folder, read_json, sha256_file, write_json

log = logging.getLogger(__name__)
Read = Callable[[Drop], RawDrop]
_FACTS = "facts.json"
_FORM = 1  # of what is kept; another number reads every drop anew


def read_drops(
    drops: Sequence[Drop],
    read: Read,
    hashes: Mapping[str, str],
    kept: Path | None,
    meaning: object,
) -> list[RawDrop]:
    """Every drop, oldest first; the newest is whole.

    Args:
        hashes: drop -> hash of its content.
        kept: folder of what was kept; None = read every drop whole.
        meaning: JSON-able; whatever else a reading follows from (settings, code). Another meaning
            reads every drop anew.
    """
    if kept is None or len(drops) < 2:
        return [read(drop) for drop in drops]
    chain, before = content_id([_FORM, meaning]), _Repeated()
    used: list[str] = []
    out: list[RawDrop] = []
    for drop in drops[:-1]:
        chain = content_id([chain, hashes[drop.name]])
        used.append(chain)
        raw = _load(kept / chain, drop)
        if raw is None:
            raw = before.without(out, read(drop))
            _save(raw, kept / chain)
        out.append(raw)
    write_json(in_use(kept), {"chain": used})
    return [*out, read(drops[-1])]


def can_be_kept(context: Context) -> bool:
    """Whether an old drop can be kept as what was new in it.

    Not where a drop withdraws what it leaves out or codes are merged: there the values that it repeats
    count as well. Nor where another distribution reads it, whose code may change unseen.
    """
    config = context.config
    known = all(ADAPTERS.built_in(one.adapter) for one in config.inputs)
    return (
        config.updates == "increment"
        and context.changes is None
        and type(context.codes).__module__.startswith("pipelines.")
        and SOURCES.built_in(config.source)
        and known
    )


def meaning_of(context: Context) -> object:
    """What a reading follows from beside the drop: settings, codes, calendar and code."""
    config = context.config.model_dump(mode="json", include={"source", "inputs", "updates"})
    codes = sorted((name, str(value)) for name, value in vars(context.codes).items())
    return [config, type(context.codes).__name__, codes, repr(context.calendar), code_id()]


@lru_cache(maxsize=1)
def code_id() -> str:
    """Hash of the code that reads and judges drops."""
    room = Path(__file__).parent
    files = sorted([*room.rglob("*.py"), *room.parent.glob("*.py")])
    return content_id([[path.name, sha256_file(path)] for path in files])


def in_use(kept: Path) -> Path:
    """The file that says which readings the newest run used; `denguard prune` takes the others."""
    return kept.with_name(f"{kept.name}.json")


class _Repeated:
    """Values that earlier drops told; looked up only if a drop must be read."""

    def __init__(self) -> None:
        self._known, self._learnt = KnownValues(), 0

    def without(self, earlier: Sequence[RawDrop], raw: RawDrop) -> RawDrop:
        """The drop without the values that it tells as they were told before."""
        for one in earlier[self._learnt :]:
            self._told(one)
        self._learnt = len(earlier) + 1
        kept = self._told(raw) | _newest_of_units(raw.cells)
        return replace(raw, cells=raw.cells[kept].reset_index(drop=True))

    def _told(self, raw: RawDrop) -> npt.NDArray[np.bool_]:
        """(cells,) which cells are new or differ; then know them."""
        nothing = np.zeros(len(raw.cells), dtype=bool)
        return self._known.compare(_comparable(raw), nothing)[0]


def _newest_of_units(cells: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """(cells,) one count of each unit and file: that it was told at all is known by it."""
    weekly = cells[cells["kind"] == "week"].sort_values("when", kind="stable")
    newest = weekly.drop_duplicates(["file", "unit_id"], keep="last").index
    return np.asarray(cells.index.isin(newest))


def _comparable(raw: RawDrop) -> pd.DataFrame:
    """The cells; a value that may yet be refused with its record is like no other value."""
    values = raw.cells["value"].to_numpy(dtype=object).copy()
    values[~_plain(raw)] = _UNLIKE
    return raw.cells.assign(value=values)


class _Unlike:
    """Equal to nothing, itself included."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return False


_UNLIKE = _Unlike()


def _plain(raw: RawDrop) -> npt.NDArray[np.bool_]:
    """(cells,) whether a cell's unit has one record in its file, which nothing can refuse later."""
    named = raw.units[raw.units["unit_id"].notna()]
    repeated = named.loc[named.duplicated(["file", "unit_id"], keep=False), "unit_id"]
    codes = raw.cells["unit_id"]
    once = ~raw.cells.duplicated(["unit_id", "kind", "clean", "when"], keep=False)
    return np.asarray((codes.notna() & ~codes.isin(set(repeated)) & once).to_numpy(dtype=bool))


def _save(raw: RawDrop, folder: Path) -> None:
    facts: dict[str, Any] = {}
    discard(folder)  # a damaged one, which would be read anew for ever
    with new_folder(folder) as temp:
        for one in fields(RawDrop):
            value = getattr(raw, one.name)
            if isinstance(value, pd.DataFrame):
                value.to_parquet(temp / f"{one.name}.parquet", index=False)
            elif one.name == "issues":
                facts["issues"] = [asdict(issue) for issue in value]
            elif one.name != "drop" and value is not None:
                facts[one.name] = dict(value)
        write_json(temp / _FACTS, facts)


def _load(folder: Path, drop: Drop) -> RawDrop | None:
    """What was kept of a drop; None if nothing was, or it is damaged."""
    if not (folder / _FACTS).is_file():
        return None
    try:
        facts = read_json(folder / _FACTS)
        issues = facts.pop("issues")
        frames = {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}
        read = [Issue(**{**one, "level": Level(one["level"])}) for one in issues]  # type: ignore[attr-defined]
        spans = {f: tuple(ends) for f, ends in facts.pop("spans", {}).items()}  # type: ignore[attr-defined]
        return RawDrop(drop=drop, issues=tuple(read), spans=spans, **frames, **facts)  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError, TypeError, StoreError, json.JSONDecodeError) as err:
        log.warning("what was kept of drop %s cannot be read and is made anew: %s", drop.name, err)
        return None
