"""What a drop takes back: by leaving it out, where the place declares `data.updates: full`, or by a
word.

A line list withdraws nothing: its absent unit-weeks are 0 (across_drops.py).

A full drop is the whole truth, but only as far as it goes: a file speaks for its own table, from
its first week (month, year) to its last. An empty cell says the same as an absent one; a refused
one says nothing. What was withdrawn is unknown from that drop on; what was known before stays a
vintage. Of any drop a cell that holds a word of `data.unknown_again` says so expressly
(raw.changed_cells finds it).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.arrays import Int64s
from pipelines.contracts import Issue, Level
from pipelines.data.cell_keys import CellKeys
from pipelines.data.cell_texts import plain
from pipelines.data.raw import CELL_COLUMNS, KEY_COLUMNS, UNIT_COLUMNS, RawDrop, issue

_NAMED = 5
_WORDS = {
    "week": "weekly counts",
    "temp": "temperatures",
    "rain": "months of rain",
    "population": "populations",
    "demographic": "covariates",
    "weekly": "values of weekly series",
    "monthly": "values of monthly series",
}
_BY_NAME = ("demographic", "weekly", "monthly")  # kinds that hold several facts


def with_left_out(raws: Sequence[RawDrop], changed: Collection[str] = ()) -> list[RawDrop]:
    """Full drops, oldest first, each with an empty cell for what it leaves out.

    Args:
        changed: units whose cells stand in drops that are kept without what they repeat as well.
    """
    keys, out = CellKeys(), []
    known = no_cells()
    names: dict[str, str] = {}  # unit -> name, the newest one
    for raw in raws:
        known_cells = cells_with_value(raw, keys)
        names.update(
            {u: n for u, n in zip(raw.units["unit_id"], raw.units["name"], strict=True) if n}
        )
        missing = known[~known["key"].isin(mentioned(raw, keys))]
        if raw.absent is not None:
            stored = missing["key"].isin(keys.of(raw.absent))
            missing = missing[stored | missing["unit_id"].isin(changed)]
        withdrawn = inside(missing, reach_of(known_cells, raw))
        known = known[~known["key"].isin(withdrawn["key"])]
        known = newest_cells(known_cells, known)
        out.append(_with_empty(raw, withdrawn, names) if len(withdrawn) else raw)
    return out


def no_cells() -> pd.DataFrame:
    """Columns of cells_with_value, without a row."""
    return pd.DataFrame(columns=["key", "input", "fact", *KEY_COLUMNS])


def newest_cells(known_cells: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Both, one row a cell."""
    return pd.concat([known_cells, known] if len(known) else [known_cells]).drop_duplicates("key")


def mentioned(raw: RawDrop, keys: CellKeys) -> Int64s:
    """(N,) cells of which a drop says anything, be it that it is unsure."""
    coded = raw.cells[raw.cells["unit_id"].notna()]
    return np.concatenate([keys.of(coded), keys.of(raw.unsure)])


def cells_with_value(raw: RawDrop, keys: CellKeys) -> pd.DataFrame:
    """Known values of a drop's units: key, name of the input, fact, KEY_COLUMNS."""
    cells = raw.cells[
        raw.cells["value"].notna() & raw.cells["unit_id"].isin(raw.units["unit_id"].dropna())
    ]
    plain = cells[list(KEY_COLUMNS)].astype({name: object for name in ("unit_id", "kind", "clean")})
    fact = plain["kind"].where(~plain["kind"].isin(_BY_NAME), plain["clean"])
    files = cells["file"].astype(object)
    inputs = files.map({file: input_of(file) for file in files.unique()})
    return plain.assign(key=keys.of(plain), input=inputs, fact=fact)


def input_of(file: str) -> str:
    """Name of an input: "2018-12-04/cases.csv" is of cases.csv."""
    return file.split("/", 1)[-1]


def reach_of(known_cells: pd.DataFrame, raw: RawDrop | None = None) -> pd.DataFrame:
    """First and last time of what files tell: input, fact, min, max.

    Args:
        raw: of a drop that is kept without what it repeats: as far as the whole reached, of units
            that it still has.
    """
    spans = known_cells[["input", "fact"]].assign(min=known_cells["when"], max=known_cells["when"])
    if raw is not None and raw.reach is not None:
        here = raw.reach["unit_id"].isin(["", *raw.units["unit_id"].dropna()])
        spans = pd.concat([spans, raw.reach.loc[here, ["input", "fact", "min", "max"]]])
    return spans.groupby(["input", "fact"], as_index=False).agg({"min": "min", "max": "max"})


def inside(missing: pd.DataFrame, reach: pd.DataFrame) -> pd.DataFrame:
    """Of earlier cells that a drop does not mention, those within the reach of its files."""
    if missing.empty or reach.empty:
        return missing.iloc[:0]
    both = missing.merge(reach, on=["input", "fact"])
    within = both[(both["when"] >= both["min"]) & (both["when"] <= both["max"])]
    return within.sort_values(["input", "fact", "unit_id", "when"], kind="stable")


def _with_empty(raw: RawDrop, withdrawn: pd.DataFrame, names: dict[str, str]) -> RawDrop:
    """The drop, in which a file says of these cells that they are empty."""
    there = (*raw.units["file"].unique(), *raw.cells["file"].unique())
    files = {input_of(str(file)): file for file in there}
    withdrawn = withdrawn.assign(file=withdrawn["input"].map(files))
    here = raw.units.drop_duplicates(["file", "unit_id"])[["file", "unit_id", "row"]]
    rows = withdrawn.merge(here, on=["file", "unit_id"], how="left")["row"]
    units = withdrawn.loc[rows.isna().to_numpy(), ["file", "unit_id"]].drop_duplicates()
    units = units.assign(
        row=0,
        column="",
        value=units["unit_id"],
        parent="",
        fingerprint=units["unit_id"],
        name=[names.get(u, "") for u in units["unit_id"]],
    )
    cells = withdrawn.assign(
        row=0,
        column="",
        value=None,
        number=np.nan,
        unit_row=rows.fillna(0).to_numpy(dtype=np.int64),
    )
    return replace(
        raw,
        units=pd.concat([raw.units, units[list(UNIT_COLUMNS)]], ignore_index=True),
        cells=pd.concat([raw.cells, cells[list(CELL_COLUMNS)]], ignore_index=True),
    )


def withdrawn_issues(cells: pd.DataFrame) -> list[Issue]:
    """One warning a file of full drops that withdraws values: how many, and of how many units.

    Args:
        cells: as raw.changed_cells gives them.
    """
    why = (
        "were withdrawn: an earlier drop had them, this full one leaves them out or empty; they "
        "are unknown from now on"
    )
    fix = (
        "nothing to do if it was meant; else deliver them again in the next drop, or declare "
        "`data.updates: increment` if drops are not the whole"
    )
    return _by_file(cells[cells["withdrawn"].astype(bool)], "withdrawn", why, fix)


def unknown_again_issues(cells: pd.DataFrame) -> list[Issue]:
    """One warning a file that says by a word that earlier values are not known any more."""
    why = (
        "are unknown again: the file says by a word of `data.unknown_again` that what earlier "
        "drops told is not known; it stays for what was known then"
    )
    fix = "nothing to do if it was meant; else deliver the values again in the next drop"
    return _by_file(cells[cells["unknown_again"].astype(bool)], "unknown-again", why, fix)


def _by_file(cells: pd.DataFrame, code: str, why: str, fix: str) -> list[Issue]:
    out = []
    for file, rows in plain(cells).groupby("file", sort=False):
        units = sorted(rows["unit_id"].astype(str).unique())
        counted = ", ".join(
            f"{n} {_WORDS[str(kind)]}" for kind, n in rows["kind"].value_counts(sort=False).items()
        )
        named = ", ".join(units[:_NAMED]) + (", ..." if len(units) > _NAMED else "")
        message = f"{counted} of {len(units)} units {why}: {named}"
        out.append(issue(Level.WARNING, code, message, str(file), fix, rows=len(rows)))
    return out
