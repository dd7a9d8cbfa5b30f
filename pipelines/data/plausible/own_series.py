"""Series that a place declares under a name of its own, beside their own past."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.arrays import Bools
from pipelines.data.months import month_label
from pipelines.data.plausible.climate import MIN_YEARS
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.past import Scale, by_month, by_week, distances, plain
from pipelines.data.plausible.suspicion import CELL_KEYS, Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.words import counted

_TOGETHER = (
    8.0  # own standard deviations that half of many values are away; honest single ones: 13.7
)
_MANY_UNITS, _MANY_TIMES = 5, 6
_NAMED = 5


def series_jumps(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """Values `max_series_deviations` of their own robust standard deviations from the same time of
    other years; or all new ones of a series or of a unit where half of them are 8 away."""
    out = []
    kinds = {"weekly": Scale(plain, by_week(seen.calendar)), "monthly": Scale(plain, by_month)}
    for kind, scale in kinds.items():
        frame = distances(seen, kind, scale)
        frame = frame[(frame["n_years"] >= MIN_YEARS) & (frame["usual"] > 0)]
        frame = frame.assign(times=(frame["away"] / frame["usual"]).abs())
        for name, rows in frame.groupby("clean"):
            hit = rows[_odd(rows, limits.max_series_deviations)]
            if len(hit):
                out.append(_doubt(seen, str(name), kind, hit))
    return out


def _odd(rows: pd.DataFrame, most: float) -> Bools:
    """(N,) which values are doubted."""
    if rows["unit_id"].nunique() >= _MANY_UNITS and rows["times"].median() > _TOGETHER:
        return np.ones(len(rows), dtype=bool)
    by_unit = rows.groupby("unit_id")["times"]
    many = by_unit.transform("size") >= _MANY_TIMES
    together = many & (by_unit.transform("median") > _TOGETHER)
    return ((rows["times"] > most) | together).to_numpy(dtype=bool)


def _doubt(seen: Seen, name: str, kind: str, hit: pd.DataFrame) -> Suspicion:
    label = month_label if kind == "monthly" else seen.calendar.week_label
    first = ", ".join(
        f"{unit} {label(int(when))}: {number:g} where {usual:.3g} is usual"
        for unit, when, number, usual in zip(
            hit["unit_id"].head(_NAMED), hit["when"], hit["number"], hit["reference"], strict=False
        )
    )
    message = (
        f"far from the own past: {counted(len(hit), 'value')} of {name} in "
        f"{counted(hit['unit_id'].nunique(), 'unit')}: {first}"
    )
    fix = (
        f"compare {name} with its source: its unit of measure, and whether rows or columns were "
        "swapped"
    )
    cells = hit[list(CELL_KEYS)]
    return Suspicion("series-jump", Outcome.HOLD, Direction.WRONG, message, fix, cells)
