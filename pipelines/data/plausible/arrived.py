"""What a drop says beside its cells: which units its files name, and totals of years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from pipelines.code_changes import CodeChanges
from pipelines.config import DataConfig
from pipelines.data.raw import YEARLY_COLUMNS, RawDrop, empty
from pipelines.data.tables import Tables

ANY_INPUT = ""  # of units that accepted tables know: which file named them is not kept there


@dataclass(frozen=True)
class Arrived:
    """One drop beside its cells.

    Attributes:
        counted: input -> units whose weekly counts its file tells, empty cells and the zeros of a
            line list included; units that only a table of climate or population names are not
            there.
        yearly: raw.YEARLY_COLUMNS: cases of whole years as the provider adds them up.
        parents: unit -> what it lies in, where told.
    """

    counted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    yearly: pd.DataFrame = field(default_factory=lambda: empty(YEARLY_COLUMNS))
    parents: Mapping[str, str] = field(default_factory=dict)


def arrivals(raws: Sequence[RawDrop], rows: pd.DataFrame) -> dict[str, Arrived]:
    """Name of a drop -> what it says beside its cells.

    Args:
        rows: accepted rows of UNIT_COLUMNS.
    """
    accepted = pd.MultiIndex.from_frame(rows[["file", "row"]].astype({"file": str, "row": "int64"}))
    return {raw.drop.name: _arrived(raw, accepted) for raw in raws}


def _arrived(raw: RawDrop, accepted: pd.MultiIndex) -> Arrived:
    cells = raw.cells[raw.cells["kind"] == "week"]
    told = cells["value"].notna() | (cells["row"] > 0)  # else a full drop's word on who is left out
    named = cells.loc[told, ["file", "unit_row", "unit_id"]].drop_duplicates()
    at = pd.MultiIndex.from_arrays([named["file"].astype(str), named["unit_row"].astype("int64")])
    named = named[at.isin(accepted) & named["unit_id"].notna().to_numpy()]
    counted: dict[str, frozenset[str]] = {
        str(file).split("/", 1)[-1]: frozenset() for file in cells["file"].unique()
    }
    for file, units in named.groupby(named["file"].astype(str))["unit_id"]:
        counted[str(file).split("/", 1)[-1]] = frozenset(map(str, units))
    with_parent = raw.units[raw.units["parent"].fillna("").astype(str) != ""]
    parents = dict(zip(with_parent["unit_id"], with_parent["parent"], strict=True))
    return Arrived(counted, raw.yearly, parents)


def counted_before(
    previous: Tables | None,
    raws: Sequence[RawDrop],
    config: DataConfig,
    changes: CodeChanges | None,
) -> dict[str, frozenset[str]]:
    """Units with counts of the accepted tables, by today's codes, where a drop checked alone must
    name
    them: not a line list, and not one of several files of counts."""
    files = sum(one.table == "cases" and not one.in_time for one in config.inputs)
    if previous is None or files > 1 or any(raw.spans for raw in raws):
        return {}
    units = previous.cases.dropna(subset=["cases"])["unit_id"].unique()
    return {ANY_INPUT: frozenset(changes.today(str(u)) if changes else str(u) for u in units)}
