"""Populations that jump, and counts that are more than a population can have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Float64s
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.past import POPULATION, distances
from pipelines.data.plausible.suspicion import CELL_KEYS, Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.words import counted

_MIN_UNITS = 5
_ROWS_SHIFTED = 0.25  # median |log ratio| of a drop's new populations; honest years: 0.035
_MIN_CASES = 20.0  # below, one more case in a hamlet is a high rate
_WEEKS_OF_A_SMALL_POPULATION = 8  # above the limit: not the counts are odd, the population is
_NAMED = 5


def population_jumps(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """Populations `max_population_factor` times those of the nearest years, or so much less; all
    new ones where half of them are another unit's."""
    frame = distances(seen, "population", POPULATION)
    # another name a year in the clean tables: one series a unit
    frame = frame[frame["away"].notna()]
    off = frame["away"].abs()
    if frame["unit_id"].nunique() >= _MIN_UNITS and off.median() > _ROWS_SHIFTED:
        return [_shifted(frame)]
    usual = frame["usual"].fillna(0.0)
    far = np.maximum(np.log(limits.max_population_factor), limits.max_past_deviations * usual)
    hit = frame[off > far]
    if hit.empty:
        return []
    first = ", ".join(
        f"{unit} {year}: {number:g} where {at:.0f} is usual"
        for unit, year, number, at in zip(
            hit["unit_id"], hit["when"], hit["number"], np.exp(hit["reference"]), strict=True
        )
    )
    shown = ", ".join(first.split(", ")[:_NAMED])
    return [
        _held(
            "population-jump", f"{len(hit)} populations are not those of other years: {shown}", hit
        )
    ]


def _shifted(frame: pd.DataFrame) -> Suspicion:
    times = float(np.exp(frame["away"].abs().median()))
    message = (
        f"half of {len(frame)} new populations differ from those of the nearest years {times:.1f} "
        "times or more: rows of other units?"
    )
    return _held("population-shifted", message, frame)


def _held(rule: str, message: str, cells: pd.DataFrame) -> Suspicion:
    fix = "compare with the census: persons, not thousands, each in the row of its own unit"
    return Suspicion(rule, Outcome.HOLD, Direction.WRONG, message, fix, cells[list(CELL_KEYS)])


def attack_rates(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """Weekly counts above `max_attack_rate` of the population; where many weeks are, the
    population.
    """
    persons = _persons(seen)
    counts = np.where(seen.delivered & (seen.after >= _MIN_CASES), seen.after, np.nan)
    with np.errstate(invalid="ignore"):
        high = counts > limits.max_attack_rate * persons[:, None]
    if not high.any():
        return []
    tiny = high.sum(axis=1) >= _WEEKS_OF_A_SMALL_POPULATION
    own = seen.news("population")
    small = own[own["unit_id"].isin(np.asarray(seen.unit_ids, dtype=object)[tiny])]
    out = []
    if len(small):
        units = small["unit_id"].unique()
        message = (
            f"more than {limits.max_attack_rate:.0%} of the population as cases in many weeks: "
            f"{counted(len(units), 'unit')}: {', '.join(map(str, units[:_NAMED]))}"
        )
        out.append(_held("population-too-small", message, small))
        high &= ~np.isin(np.asarray(seen.unit_ids, dtype=object), units)[:, None]
    return [*out, _too_many(seen, high, persons, limits.max_attack_rate)] if high.any() else out


def _too_many(seen: Seen, high: Bools, persons: Float64s, rate: float) -> Suspicion:
    unit, week = np.nonzero(high)
    label = seen.calendar.week_label
    first = ", ".join(
        f"{seen.unit_ids[u]} {label(seen.week_no(w))}: {seen.after[u, w]:g} in {persons[u]:.0f} "
        "persons"
        for u, w in list(zip(unit.tolist(), week.tolist(), strict=True))[:_NAMED]
    )
    message = (
        f"more than {rate:.0%} of the population in one week: {counted(len(unit), 'count')}: "
        f"{first}"
    )
    fix = "ask the site; correct the count or the population"
    cells = seen.count_cells(high)
    return Suspicion("more-cases-than-people", Outcome.HOLD, Direction.HIGH, message, fix, cells)


def _persons(seen: Seen) -> Float64s:
    """(U,) median of a unit's populations: the accepted ones, else the drop's; NaN without any."""
    before, now = seen.known("population"), seen.news("population")
    now = now[~now["unit_id"].isin(before["unit_id"])]
    median = pd.concat([before, now]).groupby("unit_id")["number"].median()
    return median.reindex(list(seen.unit_ids)).to_numpy(np.float64)
