"""Figures of one unit that turn up in the row of another, or at another time."""

from __future__ import annotations

from typing import Any

import numpy as np
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
    """Units whose revised values of a kind, three or more, are what another unit had, or they at
    another time.
    """
    del limits
    out = []
    for kind in _KINDS:
        rows = _revised(seen, kind)
        if rows.empty:
            continue
        before = seen.known(kind).assign(rounded=lambda b: _rounded(b["number"]))
        if of := _of_others(rows, before):
            words = [f"{unit} has those of {other}" for unit, other in of.items()]
            reason = f"of {counted(len(of), 'unit')}, another unit's now"
            out.append(_doubt(kind, rows[rows["unit_id"].isin(list(of))], reason, words))
        rows = rows[~rows["unit_id"].isin(list(of))]
        if late := _of_other_times(rows, before):
            words = [f"{unit} by {lag}" for unit, lag in late.items()]
            reason = f"of {counted(len(late), 'unit')}, at another time than they were accepted for"
            out.append(_doubt(kind, rows[rows["unit_id"].isin(list(late))], reason, words))
    return out


def _revised(seen: Seen, kind: str) -> pd.DataFrame:
    """Values that were accepted and come again otherwise."""
    new, before = seen.news(kind), seen.known(kind)
    if new.empty or before.empty:
        return new.iloc[:0]
    both = new.merge(before, on=list(CELL_KEYS), suffixes=("", "_before"))
    both = both.assign(rounded=_rounded(both["number"]))
    return both[both["rounded"] != _rounded(both["number_before"])]


def _rounded(numbers: pd.Series) -> pd.Series:
    """To five figures: an export may write fewer than the one before."""
    size = np.floor(np.log10(numbers.abs().where(numbers != 0, 1.0)))
    unit = 10.0 ** (4 - size)
    rounded: pd.Series = (numbers * unit).round() / unit
    return rounded


def _of_others(rows: pd.DataFrame, before: pd.DataFrame) -> dict[str, str]:
    """Unit -> the unit whose accepted values it now has."""
    rare = before.groupby([*_FACT, "rounded"])["unit_id"].transform("size") <= _COMMON
    pairs = rows.merge(before[rare], on=[*_FACT, "rounded"], suffixes=("", "_of"))
    return _most(rows, pairs, "unit_id_of")


def _of_other_times(rows: pd.DataFrame, before: pd.DataFrame) -> dict[str, int]:
    """Unit -> by how many months or years its values stand elsewhere; 0 is no value to
    tell it by."""
    own = before[before["number"] != 0]
    pairs = rows.merge(own, on=["unit_id", "kind", "clean", "rounded"], suffixes=("", "_of"))
    return _most(rows, pairs.assign(lag=pairs["when"] - pairs["when_of"]), "lag")


def _most(rows: pd.DataFrame, pairs: pd.DataFrame, of: str) -> dict[str, Any]:
    """Unit -> what nearly all of its revised values agree with."""
    counts = pairs.groupby(["unit_id", of], as_index=False).size()
    counts = counts.sort_values("size", ascending=False, kind="stable")
    total = rows.groupby("unit_id").size()
    found: dict[str, Any] = {}
    for unit, other, n in zip(counts["unit_id"], counts[of], counts["size"], strict=True):
        if n >= max(_MIN_VALUES, _MIN_SHARE * total[unit]):
            found.setdefault(str(unit), other)
    return found


def _doubt(kind: str, rows: pd.DataFrame, reason: str, shown: list[str]) -> Suspicion:
    words = {
        "temp": "temperatures",
        "rain": "months of rain",
        "population": "populations",
        "demographic": "figures",
    }
    message = (
        f"{len(rows)} {words.get(kind, 'values of series')} {reason}: {', '.join(shown[:_NAMED])}"
    )
    fix = "compare codes, rows and columns of the export: they may have been swapped or shifted"
    cells = rows[list(CELL_KEYS)]
    return Suspicion("figures-of-another-unit", Outcome.HOLD, Direction.WRONG, message, fix, cells)
