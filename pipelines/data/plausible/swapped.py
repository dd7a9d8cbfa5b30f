"""Figures of one unit that turn up in the row of another.

Belongs here: populations, climate and series that were accepted and come again otherwise. Does not
belong here: counts, and new months, which no other unit has told yet (climate.py judges those by their
own past).
"""

from __future__ import annotations

import pandas as pd

from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.suspicion import CELL_KEYS, Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.words import counted

_KINDS = ("temp", "rain", "population", "demographic", "weekly", "monthly")
_FACT = ["kind", "clean", "when"]
_MIN_VALUES = 3  # revised to another unit's values
_MIN_SHARE = 0.8  # of a unit's revised values
_COMMON = 20  # units that share a value, from which it says nothing of whose it is
_NAMED = 5


def figures_of_others(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """Units whose revised values of a kind, three or more, are exactly what another unit had."""
    del limits
    out = []
    for kind in _KINDS:
        rows = _revised(seen, kind)
        of = _of_others(rows, seen.known(kind)) if len(rows) else {}
        if of:
            out.append(_doubt(kind, rows[rows["unit_id"].isin(list(of))], of))
    return out


def _revised(seen: Seen, kind: str) -> pd.DataFrame:
    """Values that were accepted and come again otherwise."""
    new, before = seen.news(kind), seen.known(kind)
    if new.empty or before.empty:
        return new.iloc[:0]
    both = new.merge(before, on=list(CELL_KEYS), suffixes=("", "_before"))
    return both[both["number"] != both["number_before"]]


def _of_others(rows: pd.DataFrame, before: pd.DataFrame) -> dict[str, str]:
    """Unit -> the unit whose accepted values it now has."""
    told = before.groupby([*_FACT, "number"])["unit_id"].transform("size") <= _COMMON
    pairs = rows.merge(before[told], on=[*_FACT, "number"], suffixes=("", "_of"))
    counts = pairs.groupby(["unit_id", "unit_id_of"], as_index=False).size()
    counts = counts.sort_values("size", ascending=False, kind="stable")
    total = rows.groupby("unit_id").size()
    found: dict[str, str] = {}
    for unit, other, n in zip(counts["unit_id"], counts["unit_id_of"], counts["size"], strict=True):
        if n >= max(_MIN_VALUES, _MIN_SHARE * total[unit]):
            found.setdefault(str(unit), str(other))
    return found


def _doubt(kind: str, rows: pd.DataFrame, of: dict[str, str]) -> Suspicion:
    words = {
        "temp": "temperatures",
        "rain": "months of rain",
        "population": "populations",
        "demographic": "figures",
    }
    shown = ", ".join(f"{unit} has those of {other}" for unit, other in list(of.items())[:_NAMED])
    message = f"another unit's now: {len(rows)} {words.get(kind, 'values of series')} of {counted(len(of), 'unit')}: {shown}"
    fix = "compare codes and rows of the export: rows may have been swapped or shifted"
    cells = rows[list(CELL_KEYS)]
    return Suspicion("figures-of-another-unit", Outcome.HOLD, Direction.WRONG, message, fix, cells)
