"""Neighbours that moved together as they never do: an area that reported a part, or in another
measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Float64s, Positions
from pipelines.data.plausible.found import of_week, units_of, week_name
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.level import Week, alone, best_run, distance, newest_weeks
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_LEVEL = 1.0  # cases a week, from which a unit can tell
_FARTHEST, _ORDINARY = (
    3.0,
    1.0,
)  # usual differences: what one unit adds at most, and what is no news
_FEWEST = 3  # units
_WAYS = (
    (
        1.0,
        "area-high",
        Direction.HIGH,
        "above",
        "ask whether the area multiplied or added up its counts; a true rise is confirmed",
    ),
    (
        -1.0,
        "area-low",
        Direction.MISSING,
        "below",
        "ask whether the area's reports of the week are all in; deliver it again when they are",
    ),
)


def neighbours_moved(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Runs of units that all lie far on one side of their levels, the table's own move
    taken off."""
    order = np.argsort(np.asarray(seen.unit_ids, dtype=str))
    out = []
    for week in newest_weeks(seen):
        at = order[(week.known & (week.level >= _LEVEL))[order]]
        if len(at) < _FEWEST:
            continue
        far = _beside_the_table(week, at, limits)
        early = week.column > (seen.newest or 0) - seen.immature_weeks
        for sign, rule, way, where, fix in _WAYS[: 1 if early else None]:
            gain, start, end = best_run(sign * far - _ORDINARY)
            if gain < limits.area_gain * np.sqrt(week.steps) or end - start < _FEWEST:
                continue
            units = np.zeros(len(seen.unit_ids), dtype=bool)
            units[at[start:end]] = sign * far[start:end] > 0
            times = week.counts[units].sum() / max(week.level[units].sum(), 0.5)
            message = (
                f"{units_of(seen, units)}, neighbours by code, lie {where} their levels together "
                f"in {week_name(seen, week.column)}: at {times:.0%} of them"
            )
            out.append(of_week(seen, week.column, units, rule, Outcome.HOLD, way, message, fix))
    return out


def _beside_the_table(week: Week, at: Positions, limits: PlausibilityConfig) -> Float64s:
    """Distances of these units from their levels times the ratio of sums of all units.

    A unit that is doubted by itself does not count there: it would make its honest neighbours look
        low.
    """
    known = week.known & ~alone(week, limits)
    times = (week.counts[known].sum() + 0.5) / (week.level[known].sum() + 0.5)
    return np.clip(distance(week.counts[at], week.level[at] * times), -_FARTHEST, _FARTHEST)
