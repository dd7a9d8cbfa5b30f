"""Counts that look as if they had not been reported, or not all of them: zeros where a series was
running, falls to a small share of the level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Bools
from pipelines.data.plausible import chance
from pipelines.data.plausible.found import of_week, units_of, week_name
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.level import Week, settled_weeks
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_JOINT_LEVEL = 1.0  # cases a week, from which a 0 adds to a joint improbability
_ASK = "ask whether the week was reported; deliver it again, or leave it empty until it is"


def fell_to_zero(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """A 0 in one of the newest weeks where the series was running, or zeros of too many at once.

    The level is that of weeks that were accepted before the drop, so that the second and third 0 in
    a row are doubted as the first is. Smaller units are doubted where many of them, or a long run
    of neighbours, say 0 together.
    """
    out = []
    for week in settled_weeks(seen):
        alone = week.known & (week.counts == 0) & (week.level >= limits.running_mean_cases)
        joint = _together(week, limits) & ~alone
        name = week_name(seen, week.column)
        if alone.any():
            message = (
                f"{units_of(seen, alone)} had {limits.running_mean_cases:g} cases a week or more "
                f"and 0 in {name}"
            )
            out.append(
                of_week(
                    seen,
                    week.column,
                    alone,
                    "fell-to-zero",
                    Outcome.HOLD,
                    Direction.MISSING,
                    message,
                    _ASK,
                )
            )
        if joint.any():
            message = (
                f"{units_of(seen, joint)} have 0 in {name}, more of them together than chance "
                f"makes of their {week.level[joint].sum():.0f} cases a week"
            )
            out.append(
                of_week(
                    seen,
                    week.column,
                    joint,
                    "zeros-together",
                    Outcome.HOLD,
                    Direction.MISSING,
                    message,
                    _ASK,
                )
            )
    return out


def fell_far(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """A count above 0 that is a small share of a high level."""
    out = []
    for week in settled_weeks(seen):
        few = week.counts <= limits.fall_share * week.level
        low = week.known & few & (week.level >= limits.fall_mean_cases) & (week.counts > 0)
        if low.any():
            message = (
                f"{units_of(seen, low)} fell below {limits.fall_share:.0%} of the weeks before in "
                f"{week_name(seen, week.column)}"
            )
            out.append(
                of_week(
                    seen,
                    week.column,
                    low,
                    "fell-far",
                    Outcome.HOLD,
                    Direction.MISSING,
                    message,
                    _ASK,
                )
            )
    return out


def _together(week: Week, limits: PlausibilityConfig) -> Bools:
    """(U,) zeros that are too many together, in the whole table or in a run of neighbours."""
    running = week.known & (week.level >= _JOINT_LEVEL)
    zero, p = running & (week.counts == 0), chance.of_zero(week.level)
    at = np.flatnonzero(running)
    if chance.of_as_many(p[at], int(zero.sum())) < limits.together_chance:
        return np.asarray(zero)
    out = np.zeros(len(zero), dtype=bool)
    out[at] = chance.unlikely_runs(zero[at], p[at], limits.together_chance)
    return out
