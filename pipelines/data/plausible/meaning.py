"""Counts that mean something else: multiples, rounded or filled-in values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Float64s
from pipelines.data.plausible import chance
from pipelines.data.plausible.found import of_week, units_of, week_name
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.level import newest_weeks
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_DIVISORS = (2, 3, 4, 5, 7, 10, 12, 50, 52, 100, 1000)
_MOST = 0.8  # of the counts with cases, from which it is the table
_LEAST = 3  # cases, from which a value that many units share is remarkable
_NEAR = 4.0  # times, within which a unit's level may be of a value
_RARELY = 0.02  # probability of a value far from a unit's level, generously


def multiples(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """A newest week too many of whose counts have one divisor: rounded to tens, doubled, in
    hundreds.
    """
    out = []
    for week in newest_weeks(seen):
        says = np.isfinite(week.counts) & (week.counts > 0)
        tried = [
            (odds, d)
            for d in _DIVISORS
            if (odds := _odds(week.counts[says], d)) < limits.together_chance
        ]
        if tried:
            odds, divisor = min(tried)
            largest = max((d for o, d in tried if o <= odds * 10), default=divisor)
            units = says & (week.counts % largest == 0)
            whole = units.sum() >= _MOST * says.sum()  # then zeros may be rounded too
            message = (
                f"{int(units.sum())} of {int(says.sum())} counts of "
                f"{week_name(seen, week.column)} are multiples of {largest}: "
                f"{seen.named(np.flatnonzero(units))}"
            )
            out.append(
                of_week(
                    seen,
                    week.column,
                    np.isfinite(week.counts) if whole else units,
                    "multiples",
                    Outcome.STOP if whole else Outcome.HOLD,
                    Direction.WRONG,
                    message,
                    "ask whether counts were rounded or multiplied; deliver them as they were "
                    "counted",
                )
            )
    return out


def filled_in(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """One value in too many units of very different size: a constant that stands for unknown."""
    out = []
    for week in newest_weeks(seen):
        says = week.known & (week.counts >= _LEAST)
        if not says.any():
            continue
        values, often = np.unique(week.counts[says], return_counts=True)
        value, n = float(values[np.argmax(often)]), int(often.max())
        odds = chance.of_as_many(_p_of_value(week.level[week.known], value), n) * len(values)
        if odds < limits.together_chance:
            units = says & (week.counts == value)
            message = (
                f"{units_of(seen, units)} all have {value:g} in {week_name(seen, week.column)}, "
                "whatever their size"
            )
            out.append(
                of_week(
                    seen,
                    week.column,
                    units,
                    "filled-in",
                    Outcome.HOLD,
                    Direction.WRONG,
                    message,
                    "leave cells empty where nothing is known; deliver the counts",
                )
            )
    return out


def _odds(counts: Float64s, divisor: int) -> float:
    """Probability that as many of positive counts have this divisor."""
    p = max(1 / divisor, float(chance.of_one_value(np.array([float(divisor)]))[0]))
    odds = chance.of_as_many(np.full(len(counts), p), int((counts % divisor == 0).sum()))
    return odds * len(_DIVISORS)


def _p_of_value(level: Float64s, value: float) -> Float64s:
    near = (level * _NEAR >= value) & (level <= value * _NEAR)
    return np.where(near, float(chance.of_one_value(np.array([value]))[0]), _RARELY)
