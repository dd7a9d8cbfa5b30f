"""What a unit's recent weeks let one expect of its newest: levels, and how far counts are from
them.

Counts are compared as square roots, because their noise then hardly depends on their size (Anscombe
1948, Biometrika 35); on top of it comes a share of the level, because places swing more than
chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.arrays import Bools, Float64s
from pipelines.data.plausible.history import Seen
from pipelines.plausibility_config import PlausibilityConfig

NEWEST_WEEKS = 8  # at the end of a drop that are judged by level; what is older is history
LEVEL_WEEKS, _LOOK_BACK = 4, 26  # known weeks of which the level is the mean, and how far back
FIRST_WEEKS = 4  # of a first drop: all of it is new, and the weeks before these are its past
RUNNING = 5.0  # cases a week, from which the ratio of a count to its level means something
_SWING = 0.2  # usual difference from the level, as a share of it, beside chance


@dataclass(frozen=True)
class Week:
    """One week of a drop (U units).

    Attributes:
        column: of Seen's matrices.
        counts: (U,) that the drop brings for it, NaN where it brings none or says the same.
        level: (U,) mean of the last four accepted counts before it, NaN where fewer than two are
            known.
        steps: weeks since the newest accepted one before it, 1 or more.
    """

    column: int
    counts: Float64s
    level: Float64s
    steps: int

    @property
    def known(self) -> Bools:
        """(U,) units with a count and a level."""
        return np.isfinite(self.counts) & np.isfinite(self.level)


def accepted(seen: Seen) -> Float64s:
    """(U, W) what was accepted: of a first drop, its own older weeks."""
    if not seen.is_first or seen.newest is None:
        return seen.before
    past = seen.after.copy()
    past[:, max(seen.newest - FIRST_WEEKS + 1, 0) :] = np.nan
    return past


def newest_weeks(seen: Seen) -> list[Week]:
    """The newest weeks that the drop brings counts for, oldest first.

    Of a first drop each is held against the weeks just before it.
    """
    if seen.newest is None:
        return []
    past, counts = seen.after if seen.is_first else seen.before, seen.new_counts
    most = FIRST_WEEKS if seen.is_first else NEWEST_WEEKS
    out = []
    for column in range(max(seen.newest - most + 1, 0), seen.newest + 1):
        if np.isfinite(counts[:, column]).any():
            has = np.flatnonzero(np.isfinite(past[:, :column]).any(axis=0))
            steps = column - int(has.max()) if len(has) else column + 1
            out.append(Week(column, counts[:, column], level_before(past, column), steps))
    return out


def settled_weeks(seen: Seen) -> list[Week]:
    """The same without those that are declared to be incomplete: too few is what they are."""
    newest = -1 if seen.newest is None else seen.newest
    return [w for w in newest_weeks(seen) if w.column <= newest - seen.immature_weeks]


def level_before(past: Float64s, column: int) -> Float64s:
    """(U,) mean of each unit's last four known counts of half a year before a column."""
    back = past[:, max(column - _LOOK_BACK, 0) : column][:, ::-1]
    known = np.isfinite(back)
    used = known & (np.cumsum(known, axis=1) <= LEVEL_WEEKS)
    n = used.sum(axis=1)
    mean = np.where(used, back, 0.0).sum(axis=1) / np.maximum(n, 1)
    return np.where(n >= 2, mean, np.nan)


def levels_of(past: Float64s, weeks: int) -> tuple[Float64s, Float64s]:
    """(U, V) counts of the last weeks that hold any, and the level before each of them."""
    has = np.flatnonzero(np.isfinite(past).any(axis=0))
    if not len(has):
        return past[:, :0], past[:, :0]
    end = int(has.max()) + 1
    start = max(end - weeks, LEVEL_WEEKS)
    window = past[:, max(start - LEVEL_WEEKS, 0) : end]
    known = np.isfinite(window)
    total = np.cumsum(np.pad(np.where(known, window, 0.0), ((0, 0), (1, 0))), axis=1)
    n = np.cumsum(np.pad(known, ((0, 0), (1, 0))), axis=1)
    width = window.shape[1] - LEVEL_WEEKS
    if width < 1:
        return past[:, :0], past[:, :0]
    of_four = n[:, LEVEL_WEEKS:-1] - n[:, :width]
    mean = (total[:, LEVEL_WEEKS:-1] - total[:, :width]) / np.maximum(of_four, 1)
    return window[:, LEVEL_WEEKS:], np.where(of_four >= 2, mean, np.nan)


def alone(week: Week, limits: PlausibilityConfig) -> Bools:
    """(U,) units that are doubted by themselves, and say nothing about the table; not if most are
    high.
    """
    zero = (week.counts == 0) & (week.level >= limits.running_mean_cases)
    high = (week.counts >= limits.jump_times * week.level) & (
        week.counts >= limits.jump_floor_cases
    )
    running = week.known & (week.level >= RUNNING)
    return np.asarray(zero | high if high.sum() * 2 <= running.sum() else zero)


def distance(counts: Float64s, level: Float64s) -> Float64s:
    """How far counts are from their level, in usual differences; NaN where one is unknown."""
    usual = np.sqrt(0.5 + level * _SWING**2)
    return np.asarray((np.sqrt(counts) - np.sqrt(level)) / usual)


def best_run(gain: Float64s) -> tuple[float, int, int]:
    """Sum, start and end of the run of neighbours with the largest sum (Kadane's algorithm)."""
    total = np.concatenate([[0.0], np.cumsum(gain)])
    lowest = np.minimum.accumulate(total)
    end = int(np.argmax(total - lowest))
    start = int(np.argmin(total[: end + 1]))
    return float(total[end] - total[start]), start, end
