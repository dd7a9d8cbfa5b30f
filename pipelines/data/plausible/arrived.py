"""What a drop contains beside its cells: units that its files name, and totals of years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from pipelines.code_changes import CodeChanges
from pipelines.config import DataConfig
from pipelines.data.cell_texts import joined
from pipelines.data.known_values import batches
from pipelines.data.raw import YEARLY_COLUMNS, RawDrop, empty, of_records
from pipelines.data.tables import Tables

ANY_INPUT = ""  # of units that accepted tables know: which file named them is not kept there


@dataclass(frozen=True)
class Arrived:
    """One drop beside its cells.

    Attributes:
        counted: input -> units whose weekly counts its file has, empty cells and the zeros of a
            line list included; units that only a table of climate or population names are not
            there.
        yearly: raw.YEARLY_COLUMNS: cases of whole years as the provider adds them up.
        parents: unit -> what it lies in, where given.
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
    out: dict[str, Arrived] = {}
    for batch in batches(raws, [len(raw.cells) for raw in raws]):
        parts = zip(batch, _counted(batch, accepted), _parents(batch), strict=True)
        out |= {raw.drop.name: Arrived(units, raw.yearly, within) for raw, units, within in parts}
    return out


def _counted(raws: Sequence[RawDrop], accepted: pd.MultiIndex) -> list[dict[str, frozenset[str]]]:
    """Arrived.counted of each drop."""
    columns = ["value", "row", "file", "unit_row", "unit_id"]
    weekly = [raw.cells.loc[raw.cells["kind"] == "week", columns] for raw in raws]
    cells = joined(weekly)
    cells["drop_no"] = np.repeat(np.arange(len(raws)), [len(one) for one in weekly])
    out: dict[Any, dict[str, frozenset[str]]] = {nth: {} for nth in range(len(raws))}
    for drop_no, file in cells[["drop_no", "file"]].drop_duplicates().itertuples(index=False):
        out[drop_no][_input(file)] = frozenset()
    has_value = cells["value"].notna() | (
        cells["row"] > 0
    )  # else a full drop's word on who is left out
    named = cells.loc[has_value, ["drop_no", "file", "unit_row", "unit_id"]].drop_duplicates()
    named = named[of_records(named["file"], named["unit_row"], accepted)]
    named = named[named["unit_id"].notna()]
    for (drop_no, file), units in named.groupby(["drop_no", "file"], observed=True)["unit_id"]:
        out[drop_no][_input(file)] = frozenset(map(str, units))
    return list(out.values())


def _input(file: object) -> str:
    return str(file).split("/", 1)[-1]


def _parents(raws: Sequence[RawDrop]) -> list[dict[str, str]]:
    """Arrived.parents of each drop."""
    units = pd.concat([raw.units[["unit_id", "parent"]] for raw in raws], ignore_index=True)
    drop_no = np.repeat(np.arange(len(raws)), [len(raw.units) for raw in raws])
    parts = np.flatnonzero(units["parent"].fillna("").astype(str) != "")
    out: list[dict[str, str]] = [{} for _ in raws]
    for at, unit, parent in zip(drop_no[parts], *units.iloc[parts].to_numpy().T, strict=True):
        out[at][unit] = parent
    return out


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
