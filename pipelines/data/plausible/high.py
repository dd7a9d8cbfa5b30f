"""Counts that look too high: published with and without them, alerted at once, never hidden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Bools, Float64s
from pipelines.data.plausible.found import of_counts, units_of, week_name
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.level import FIRST_WEEKS, NEWEST_WEEKS, newest_weeks
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_FEWEST_WEEKS = 26  # of a unit's own past, before which its maximum says little
_ASK = (
    "ask the unit at once whether it counts these cases; if a digit slipped, deliver the week again"
)


def far_above_maximum(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Counts over `high_times_maximum` times the unit's own maximum and `high_floor_cases` or more.

    Most such weeks are true starts of epidemics, so the direction is HIGH. A corrected old count is
    held against the unit's other weeks.
    """
    counts = seen.new_counts
    units = np.flatnonzero((counts >= limits.high_floor_cases).any(axis=1))
    past = (seen.after if seen.is_first else seen.before)[units]
    if not past.size:
        return []
    most = np.zeros(counts.shape)
    most[units] = _other_maximum(past)
    high = (counts > limits.high_times_maximum * most) & (counts >= limits.high_floor_cases)
    high[units] &= (np.isfinite(past).sum(axis=1) >= _FEWEST_WEEKS)[:, None]
    recent = np.arange(high.shape[1]) > (seen.newest or 0) - _recent(seen)
    parts = (
        (high & ~recent, Outcome.NOTE if seen.is_first else Outcome.HOLD),
        (high & recent, Outcome.HOLD),
    )
    return [_above(seen, part, most, outcome, limits) for part, outcome in parts if part.any()]


def _recent(seen: Seen) -> int:
    """Weeks at the end that are judged; older ones of a first drop are its history, told and not
    held.
    """
    return FIRST_WEEKS if seen.is_first else NEWEST_WEEKS


def _above(
    seen: Seen, high: Bools, most: Float64s, outcome: Outcome, limits: PlausibilityConfig
) -> Suspicion:
    u, column = np.unravel_index(int(np.argmax(np.where(high, seen.new_counts, -1.0))), high.shape)
    units = np.asarray(high.any(axis=1))
    message = (
        f"over {limits.high_times_maximum:g} times the own maximum: {units_of(seen, units)}; "
        f"{seen.unit_ids[u]} has {seen.new_counts[u, column]:g} in {week_name(seen, int(column))}, "
        f"most else was {most[u, column]:g}"
    )
    return of_counts(seen, high, "far-above-maximum", outcome, Direction.HIGH, message, _ASK)


def jumped(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Counts many times the unit's recent level, within a maximum that an earlier epidemic set."""
    doubted = np.zeros(seen.delivered.shape, dtype=bool)
    for week in newest_weeks(seen):
        times = limits.jump_times * np.sqrt(week.steps)
        high = week.known & (week.counts >= times * week.level)
        doubted[high & (week.counts >= limits.jump_floor_cases), week.column] = True
    if not doubted.any():
        return []
    units = np.asarray(doubted.any(axis=1))
    message = (
        f"{units_of(seen, units)} jumped to {limits.jump_times:g} times the mean of the weeks "
        "before, or more"
    )
    return [of_counts(seen, doubted, "jumped", Outcome.HOLD, Direction.HIGH, message, _ASK)]


def _other_maximum(past: Float64s) -> Float64s:
    """(U, W) maximum of each unit's accepted counts beside the one in the same place."""
    counts = np.where(np.isfinite(past), past, 0.0)
    if counts.shape[1] < 2:
        return np.zeros_like(counts)
    second, first = np.partition(counts, -2, axis=1)[:, -2:].T
    return np.asarray(np.where(counts == first[:, None], second[:, None], first[:, None]))
