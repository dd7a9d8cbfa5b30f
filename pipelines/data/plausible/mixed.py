"""Newest weeks whose units were mistaken for each other: rows shifted by one, two rows exchanged.

One week tells units apart only by their level, so units of like size can be exchanged unseen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Float64s
from pipelines.data.plausible.found import of_week, units_of, week_name
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.level import best_run, distance, newest_weeks
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_FARTHEST = 5.0  # usual differences that one unit can add, so that one epidemic is no shift
_ASK = (
    "look whether rows and codes were sorted or pasted apart; deliver the table with each code "
    "beside its own counts"
)


def shifted_units(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Runs of units, in the order of codes, that fit a neighbour's level far better than
    their own."""
    order = np.argsort(np.asarray(seen.unit_ids, dtype=str))
    out = []
    for week in newest_weeks(seen):
        at = order[week.known[order]]
        x, level = week.counts[at], week.level[at]
        runs = (
            [best_run(_gain(x, level, np.roll(level, by))) for by in (1, -1)] if len(at) > 2 else []
        )
        gain, start, end = max(runs, default=(0.0, 0, 0))
        if gain >= limits.shift_gain * np.sqrt(week.steps):
            units = np.zeros(len(seen.unit_ids), dtype=bool)
            units[at[start:end]] = True
            message = (
                f"{units_of(seen, units)} fit the level of the unit beside them in "
                f"{week_name(seen, week.column)}, not their own"
            )
            out.append(
                of_week(
                    seen,
                    week.column,
                    units,
                    "shifted-units",
                    Outcome.HOLD,
                    Direction.WRONG,
                    message,
                    _ASK,
                )
            )
    return out


def exchanged_units(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Two units, one far below its own level, one far above, each close to the other's.

    It may be chance, so that the one that rose is published both ways.
    """
    out = []
    for week in newest_weeks(seen):
        x, level, times = week.counts, week.level, limits.exchange_times
        fell = week.known & (level >= limits.exchange_cases) & (x * times <= level)
        rose = week.known & (x >= limits.exchange_cases) & (x >= times * level)
        i, j = np.flatnonzero(fell), np.flatnonzero(rose)
        near = np.abs(distance(x[i][:, None], level[j][None, :])) <= limits.exchange_near
        near &= np.abs(distance(x[j][None, :], level[i][:, None])) <= limits.exchange_near
        if not near.any():
            continue
        low, high = i[near.any(axis=1)], j[near.any(axis=0)]
        name = week_name(seen, week.column)
        message = (
            f"{seen.named(low)} and {seen.named(high)} have each other's level in {name}, far "
            "from their own"
        )
        for units, way in ((low, Direction.MISSING), (high, Direction.HIGH)):
            mask = np.isin(np.arange(len(x)), units)
            out.append(
                of_week(
                    seen, week.column, mask, "exchanged-units", Outcome.HOLD, way, message, _ASK
                )
            )
    return out


def _gain(x: Float64s, own: Float64s, other: Float64s) -> Float64s:
    """By how much each count fits the other level better than its own, in squared usual
    differences.
    """
    far = [np.minimum(np.abs(distance(x, level)), _FARTHEST) ** 2 for level in (own, other)]
    return np.asarray(far[0] - far[1])
