"""Drops as their source reads them; of all but the newest only what was new in them, kept by
content.

A drop repeats almost all of the one before it. What it repeats was checked there already, so a run
that has forty drops needs the whole of the newest alone: neither its memory nor its time grows with
the drops.

They lie in artifacts/cache/readings.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.code_changes import DeliveredCodes
from pipelines.contracts import ADAPTERS, SOURCES, Issue, Level, content_id
from pipelines.data.drops import Drop
from pipelines.data.left_unsaid import LeftUnsaid, can_be_followed
from pipelines.data.raw import KnownValues, RawDrop
from pipelines.data.sources import Context
from pipelines.data.withdrawals import input_of
from pipelines.errors import StoreError
from pipelines.storage import discard, new_folder, read_json, sha256_file, write_json
from pipelines.storage.kept import note_use, write_in_use

log = logging.getLogger(__name__)
Read = Callable[[Drop], RawDrop]
_FACTS = "facts.json"
_FORM = 2  # of what is kept; another number reads every drop anew


@dataclass(frozen=True)
class Keeping:
    """What must stay of an old drop beside what was new in it.

    Attributes:
        full: what it leaves out of earlier drops was withdrawn: left_unsaid.py.
        whole: units of which every cell stays, as their codes changed: sums and clashes are found
            in what one drop says of all parts.
    """

    full: bool = False
    whole: frozenset[str] = frozenset()


def read_drops(
    drops: Sequence[Drop],
    read: Read,
    hashes: Mapping[str, str],
    kept: Path | None,
    meaning: object,
    keeping: Keeping = Keeping(),
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
    chain, before = content_id([_FORM, meaning]), _Repeated(keeping)
    used: list[str] = []
    out: list[RawDrop] = []
    for drop in drops[:-1]:
        chain = content_id([chain, hashes[drop.name]])
        used.append(chain)
        raw = _load(kept / chain, drop)
        if raw is None:
            raw = read(drop)
            if keeping.full and not can_be_followed(raw):
                return [read(drop) for drop in drops]
            raw = before.without(out, raw)
            _save(raw, kept / chain)
        out.append(raw)
    newest = read(drops[-1])
    if keeping.full and not can_be_followed(newest):
        return [*(read(drop) for drop in drops[:-1]), newest]
    write_in_use(kept, used)
    return [*out, newest]


def can_be_kept(context: Context) -> bool:
    """Whether an old drop can be kept as what was new in it: not where another distribution reads
    it, whose code may change unseen."""
    config, codes = context.config, context.codes
    system = codes.system if isinstance(codes, DeliveredCodes) else codes
    known = all(ADAPTERS.built_in(one.adapter) for one in config.inputs)
    return (
        type(system).__module__.startswith("pipelines.")
        and SOURCES.built_in(config.source)
        and known
    )


def keeping_of(context: Context) -> Keeping:
    """What must stay of old drops of this place."""
    return Keeping(context.config.updates == "full", context.changed_codes)


def meaning_of(context: Context) -> object:
    """What a reading follows from beside the drop: settings, codes, calendar and code."""
    config = context.config.model_dump(mode="json", include={"source", "inputs", "updates"})
    codes, changes = context.codes, context.changes
    system = codes.system if isinstance(codes, DeliveredCodes) else codes
    about = [
        type(system).__name__,
        sorted((name, str(value)) for name, value in vars(system).items()),
    ]
    return [config, about, changes.declared if changes else [], repr(context.calendar), code_id()]


@lru_cache(maxsize=1)
def code_id() -> str:
    """Hash of the code that reads and judges drops."""
    room = Path(__file__).parent
    files = sorted([*room.rglob("*.py"), *room.parent.glob("*.py")])
    return content_id([[path.name, sha256_file(path)] for path in files])


class _Repeated:
    """Values that earlier drops told; looked up only if a drop must be read."""

    def __init__(self, keeping: Keeping) -> None:
        self._known, self._learnt, self._keeping = KnownValues(), 0, keeping
        self._unsaid = LeftUnsaid(keeping.whole) if keeping.full else None

    def without(self, earlier: Sequence[RawDrop], raw: RawDrop) -> RawDrop:
        """The drop without the values that it tells as they were told before."""
        for one in earlier[self._learnt :]:
            self._told(one)
            if self._unsaid is not None:
                self._unsaid.learn(one)
            self._left_out(one)
        self._learnt = len(earlier) + 1
        stays = raw.cells["unit_id"].isin(self._keeping.whole).to_numpy(dtype=bool)
        kept = self._told(raw) | _newest_of_units(raw.cells) | stays
        if self._unsaid is not None:
            raw = self._unsaid.of(raw)
        self._left_out(raw)
        return replace(raw, cells=raw.cells[kept].reset_index(drop=True))

    def _told(self, raw: RawDrop) -> npt.NDArray[np.bool_]:
        """(cells,) which cells are new or differ; then know them."""
        nothing = np.zeros(len(raw.cells), dtype=bool)
        return self._known.compare(_comparable(raw, self._keeping.full), nothing)[0]

    def _left_out(self, raw: RawDrop) -> None:
        """What a full drop leaves out is new when it is told again."""
        if raw.absent is not None and len(raw.absent):
            values = np.full(len(raw.absent), _UNLIKE, dtype=object)
            self._known.compare(raw.absent.assign(value=values), np.zeros(len(values), dtype=bool))


def _newest_of_units(cells: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """(cells,) one count of each unit and file: that it was told at all is known by it."""
    weekly = cells[cells["kind"] == "week"].sort_values("when", kind="stable")
    newest = weekly.drop_duplicates(["file", "unit_id"], keep="last").index
    return np.asarray(cells.index.isin(newest))


def _comparable(raw: RawDrop, by_input: bool) -> pd.DataFrame:
    """The cells; a value that may yet be refused with its record is like no other value.

    Args:
        by_input: told by another file it is another value: a full file speaks for its own.
    """
    values = raw.cells["value"].to_numpy(dtype=object).copy()
    if by_input:
        files = raw.cells["file"].astype(object)
        inputs = files.map({file: input_of(str(file)) for file in files.unique()})
        told = raw.cells["value"].notna().to_numpy(dtype=bool)
        values[told] = (inputs[told] + "\0" + raw.cells.loc[told, "value"].astype(str)).to_numpy()
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
        note_use(folder)
        facts = read_json(folder / _FACTS)
        issues = facts.pop("issues")
        frames = {path.stem: pd.read_parquet(path) for path in folder.glob("*.parquet")}
        read = [Issue(**{**one, "level": Level(one["level"])}) for one in issues]  # type: ignore[attr-defined]
        spans = {f: tuple(ends) for f, ends in facts.pop("spans", {}).items()}  # type: ignore[attr-defined]
        return RawDrop(drop=drop, issues=tuple(read), spans=spans, **frames, **facts)  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError, TypeError, StoreError, json.JSONDecodeError) as err:
        log.warning("what was kept of drop %s cannot be read and is made anew: %s", drop.name, err)
        return None
