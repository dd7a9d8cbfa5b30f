"""Drops as their source reads them; of all but the newest only what was new in them, kept by
content.

A drop repeats almost all of the one before it. What it repeats was checked there already, so a run
that has forty drops needs the whole of the newest alone: neither its memory nor its time grows with
the drops. In the first drop of all everything is new, so what is kept of it is the whole.

They lie in artifacts/cache/readings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int64s, Texts
from pipelines.code_changes import DeliveredCodes
from pipelines.contracts import ADAPTERS, SOURCES, content_id
from pipelines.data.cell_texts import joined
from pipelines.data.drops import Drop
from pipelines.data.kept_readings import load_one, load_together, save_one, save_together, together
from pipelines.data.known_values import KnownValues, batches
from pipelines.data.note_vintages import NewestNotes
from pipelines.data.omitted import OmittedCells, can_be_followed
from pipelines.data.raw import RawDrop
from pipelines.data.sources import Context
from pipelines.data.withdrawals import input_of
from pipelines.storage import sha256_file
from pipelines.storage.kept import write_in_use

Read = Callable[[Drop], RawDrop]
_FORM = 3  # of what is kept; another number reads every drop anew


@dataclass(frozen=True)
class ReadingOptions:
    """What must stay of an old drop beside what was new in it.

    Attributes:
        full: what it leaves out of earlier drops was withdrawn: omitted.py.
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
    options: ReadingOptions = ReadingOptions(),
) -> list[RawDrop]:
    """Every drop, oldest first; the newest is whole.

    Args:
        hashes: drop -> hash of its content.
        kept: folder of what was kept; None = read every drop whole.
        meaning: JSON-able; whatever else a reading follows from (settings, code). Another meaning
            reads every drop anew.
    """
    if kept is None or not drops:
        return [read(drop) for drop in drops]
    *names, newest_name = _names([_FORM, meaning], [hashes[drop.name] for drop in drops])
    if not names and not options.full:
        return [_first_of_all(drops[0], read, kept, newest_name)]
    out = load_together(kept, names, drops[:-1])
    n_together, before = len(out), _Repeated(options)
    for drop, name in list(zip(drops, names, strict=False))[n_together:]:
        raw = load_one(kept / name, drop)
        if raw is None:
            raw = read(drop)
            if options.full and not can_be_followed(raw):
                return [read(drop) for drop in drops]
            raw = before.without(out, raw)
            save_one(raw, kept / name)
        out.append(raw)
    newest = read(drops[-1])
    if options.full and not can_be_followed(newest):
        return [*(read(drop) for drop in drops[:-1]), newest]
    if load_one(kept / newest_name, drops[-1]) is None:  # so that the next run need not read it
        save_one(before.without(out, newest), kept / newest_name)
    if n_together < len(names) > 1:
        save_together(kept, names, out)
    write_in_use(kept, [*names, newest_name, *([together(kept, names).name] if names else [])])
    return [*out, newest]


def _first_of_all(drop: Drop, read: Read, kept: Path, name: str) -> RawDrop:
    """A drop with none before it, whole: from the source once, then from what is kept of it."""
    write_in_use(kept, [name])
    raw = load_one(kept / name, drop)
    if raw is None:
        raw = read(drop)
        save_one(raw, kept / name)
    return raw


def _names(meaning: object, hashes: Sequence[str]) -> list[str]:
    """Under which each drop is kept: it follows from all drops before it."""
    chain, out = content_id(meaning), []
    for one in hashes:
        chain = content_id([chain, one])
        out.append(chain)
    return out


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


def reading_options(context: Context) -> ReadingOptions:
    """What must stay of old drops of this place."""
    return ReadingOptions(context.config.updates == "full", context.changed_codes)


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
    """Values of earlier drops; looked up only if a drop must be read."""

    def __init__(self, options: ReadingOptions) -> None:
        self._known, self._learnt, self._options = KnownValues(), 0, options
        self._omitted = OmittedCells(options.whole) if options.full else None
        self._notes = NewestNotes()

    def without(self, earlier: Sequence[RawDrop], raw: RawDrop) -> RawDrop:
        """The drop without the values that are as they were before."""
        fresh = earlier[self._learnt :]
        for batch in batches(fresh, [len(one.cells) for one in fresh]):
            self._new_cells(batch)
        if self._omitted is not None:
            for one in fresh:
                self._omitted.learn(one)
        for one in (*fresh, raw):
            notes = self._notes.changed(one.notes)
            self._notes.learn(one.notes)
        self._learnt = len(earlier) + 1
        whole = raw.cells["unit_id"].isin(self._options.whole).to_numpy(dtype=bool)
        kept = self._new_cells([raw]) | _newest_of_units(raw.cells) | whole
        if self._omitted is not None:
            raw = self._omitted.of(raw)
            self._new_cells([replace(raw, cells=raw.cells.iloc[:0])])
        return replace(raw, cells=raw.cells[kept].reset_index(drop=True), notes=notes)

    def _new_cells(self, raws: Sequence[RawDrop]) -> Bools:
        """(cells,) which cells of the drops are new or differ; then know them, and what the drops
        leave out, which is new when it comes again.
        """
        cells = joined([raw.cells for raw in raws])
        drop_no = np.repeat(np.arange(len(raws)), [len(raw.cells) for raw in raws])
        keys = [self._known.keys_of(cells)]
        values = [_comparable(raws, cells, keys[0], drop_no, self._options.full)]
        order = [2 * drop_no]
        for nth, raw in enumerate(raws):
            if raw.absent is not None and len(raw.absent):
                keys.append(self._known.keys_of(raw.absent))
                values.append(np.full(len(raw.absent), _UNLIKE, dtype=object))
                order.append(np.full(len(raw.absent), 2 * nth + 1))
        at = np.argsort(number := np.concatenate(order), kind="stable")
        new = np.zeros(len(at), dtype=bool)
        told = np.concatenate(keys)[at], np.concatenate(values)[at], number[at]
        new[at] = self._known.compare(*told)[0]
        return new[: len(cells)]


def _newest_of_units(cells: pd.DataFrame) -> Bools:
    """(cells,) one count of each unit and file: it shows that the unit had any."""
    weekly = cells.loc[cells["kind"] == "week", ["file", "unit_id", "when"]]
    weekly = weekly.sort_values("when", kind="stable")
    newest = weekly.drop_duplicates(["file", "unit_id"], keep="last").index
    return np.asarray(cells.index.isin(newest))


def _comparable(
    raws: Sequence[RawDrop], cells: pd.DataFrame, keys: Int64s, drop_no: Int64s, by_input: bool
) -> Texts:
    """(cells,) values of the drops' cells; one that may yet be refused with its record is like no
    other value.

    Args:
        keys, drop_no: (cells,) which cell each is, and of which drop.
        by_input: in another file it is another value: a full file speaks for its own.
    """
    values = cells["value"].to_numpy(dtype=object).copy()
    if by_input:
        files = cells["file"].astype(object)
        inputs = files.map({file: input_of(str(file)) for file in files.unique()}).astype(str)
        has_value = cells["value"].notna().to_numpy(dtype=bool)
        values[has_value] = (
            inputs[has_value] + "\0" + cells.loc[has_value, "value"].astype(str)
        ).to_numpy()
    values[~_plain(raws, cells, keys, drop_no)] = _UNLIKE
    return values


class _Unlike:
    """Equal to nothing, itself included."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return False


_UNLIKE = _Unlike()


def _plain(raws: Sequence[RawDrop], cells: pd.DataFrame, keys: Int64s, drop_no: Int64s) -> Bools:
    """(cells,) whether a cell's unit has one record in its file, which nothing can refuse later."""
    units = pd.concat([raw.units[["file", "unit_id"]] for raw in raws], ignore_index=True)
    units["drop_no"] = np.repeat(np.arange(len(raws)), [len(raw.units) for raw in raws])
    named = units[units["unit_id"].notna()]
    repeated = named[named.duplicated(["file", "unit_id"], keep=False)]
    told = pd.Series(keys) if len(raws) == 1 else pd.DataFrame({"drop": drop_no, "key": keys})
    once = ~told.duplicated(keep=False) & cells["unit_id"].notna()
    for nth, units_of_drop in repeated.groupby("drop_no")["unit_id"]:
        once &= ~((drop_no == nth) & cells["unit_id"].isin(units_of_drop))
    return np.asarray(once, dtype=bool)
