"""A newest week that is out of proportion in the table as a whole: incomplete, multiplied, mixed
up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.arrays import Bools, Float64s
from pipelines.data.plausible import chance
from pipelines.data.plausible.found import of_week, week_name
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.level import (
    RUNNING,
    Week,
    accepted,
    alone,
    distance,
    levels_of,
    newest_weeks,
)
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_PAST_WEEKS, _FEWEST_WEEKS = 104, 26  # that say how a table usually moves, and how few may say it
_UNITS = 5  # with a ratio; so many make a median
_TOTAL = 30.0  # cases a week, from which a ratio of totals means something
_HARDLY = 0.1  # cases a week that a unit without any may have
_ZEROS = 4.0  # units with 0 that are expected, from which their absence says something
_FARTHEST = 5.0  # usual differences that one unit can add, so that no single one makes a table


@dataclass(frozen=True)
class Move:
    """How a table moved from its level (V weeks): logs of ratios, and the mean distance of its
    units.

    Attributes:
        median: (V,) of the units' ratios; NaN where too few units have a level.
        total: (V,) ratio of sums; NaN where the level of the whole is too low.
        spread: (V,) mean distance of units from their level times the ratio of sums.
        zeros: (V,) units with 0, less what their levels let one expect, in standard deviations of
            chance.
        zeros_share: (V,) units with 0 in as many as one expects.
    """

    median: Float64s
    total: Float64s
    spread: Float64s
    zeros: Float64s
    zeros_share: Float64s


def moves(counts: Float64s, level: Float64s) -> Move:
    """How the columns of (U, V) counts lie to their levels."""
    known = np.isfinite(counts) & np.isfinite(level)
    counts, level = np.where(known, counts, 0.0), np.where(known, level, 0.0)
    sums, levels = counts.sum(axis=0), level.sum(axis=0)
    total = np.where(levels >= _TOTAL, np.log((sums + 0.5) / (levels + 0.5)), np.nan)
    large = level >= RUNNING
    some = large.any(axis=1)
    ratio = np.log((counts[some] + 0.5) / (level[some] + 0.5))
    enough = large.sum(axis=0) >= _UNITS
    median = np.full(len(total), np.nan)
    median[enough] = np.nanmedian(np.where(large[some], ratio, np.nan)[:, enough], axis=0)
    times = np.exp(np.nan_to_num(total))
    far = np.minimum(np.abs(distance(counts[some], level[some] * times)), _FARTHEST)
    n = large[some].sum(axis=0)
    spread = np.where(large[some], far, 0.0).sum(axis=0) / np.maximum(n, 1)
    zeros = _zeros(counts, level, known)
    return Move(median, total, np.where(enough, spread, np.nan), *zeros)


def _zeros(counts: Float64s, level: Float64s, known: Bools) -> tuple[Float64s, Float64s]:
    p = np.where(known, chance.of_zero(level + _HARDLY), 0.0)
    expected, deviation = p.sum(axis=0), np.sqrt((p * (1 - p)).sum(axis=0))
    there = ((counts == 0) & known).sum(axis=0)
    away = np.where(expected >= _ZEROS, (there - expected) / np.maximum(deviation, 0.5), np.nan)
    return away, there / np.maximum(expected, 1.0)


def out_of_proportion(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Newest weeks in which the table as a whole moved as it never does."""
    weeks = newest_weeks(seen)
    if not weeks:
        return []
    past = moves(*levels_of(accepted(seen), _PAST_WEEKS))
    return [one for week in weeks for one in _week_suspicions(seen, week, past, limits)]


def _week_suspicions(
    seen: Seen, week: Week, past: Move, limits: PlausibilityConfig
) -> Iterator[Suspicion]:
    others = np.where(alone(week, limits), np.nan, week.counts)
    now = moves(others[:, None], week.level[:, None])
    by, usual = _ratio(float(now.median[0]), past.median, float(now.total[0]), past.total)
    far, late = (
        _far(by, usual, week.steps),
        _far(by - _to_come(seen, week.column), usual, week.steps),
    )
    few, many = np.log(limits.table_low_ratio), np.log(limits.table_high_ratio)
    settled = week.column <= (seen.newest or 0) - seen.immature_weeks
    spread = float(now.spread[0])
    if settled and late < -limits.table_distance and by < few:
        yield _whole(
            seen,
            week,
            "incomplete-week",
            Direction.MISSING,
            by,
            "ask whether all reports of the week had come in; deliver it again when they have",
        )
    elif far > limits.table_distance and by > many:
        yield _whole(
            seen,
            week,
            "multiplied-week",
            Direction.HIGH,
            by,
            "ask whether counts were multiplied, added up over weeks, or of another kind of case",
        )
    elif _far(spread, past.spread, week.steps) > limits.unlike_distance:
        message = (
            f"in {week_name(seen, week.column)} units lie {spread:.1f} usual differences from "
            f"their own level, {float(np.nanmean(past.spread)):.1f} in the weeks before"
        )
        yield of_week(
            seen,
            week.column,
            np.isfinite(week.counts),
            "units-unlike-themselves",
            Outcome.STOP,
            Direction.WRONG,
            message,
            "look whether rows were sorted, shifted or filled, or are of another disease or year",
        )
    yield from _zeros_gone(seen, week, now, past, limits)


def _zeros_gone(
    seen: Seen, week: Week, now: Move, past: Move, limits: PlausibilityConfig
) -> Iterator[Suspicion]:
    share = float(now.zeros_share[0])
    too_few_zeros = -_far(float(now.zeros[0]), past.zeros, week.steps) > limits.table_distance
    if too_few_zeros and share < limits.zeros_left_share:
        message = (
            f"in {week_name(seen, week.column)} {share:.0%} of the units have 0 of those that "
            "should, by their weeks before"
        )
        yield of_week(
            seen,
            week.column,
            np.isfinite(week.counts),
            "zeros-gone",
            Outcome.STOP,
            Direction.WRONG,
            message,
            "ask whether a number was added to every unit, or cells without a case were filled in",
        )


def _ratio(
    median: float, medians: Float64s, total: float, totals: Float64s
) -> tuple[float, Float64s]:
    """Log ratio of the table to its level, and what it was before: the mean of median and total.

    Where units change places the median alone moves, in an epidemic of one city the total alone.
    """
    if not np.isfinite(median):
        return total, totals
    if not np.isfinite(total):
        return median, medians
    return (median + total) / 2, (medians + totals) / 2


def _far(value: float, usual: Float64s, steps: int) -> float:
    """Distance from the usual, in standard deviations of it; 0 where too little is known."""
    known = usual[np.isfinite(usual)]
    if not np.isfinite(value) or len(known) < _FEWEST_WEEKS:
        return 0.0
    return float((value - known.mean()) / (max(float(known.std()), 0.05) * np.sqrt(steps)))


def _whole(seen: Seen, week: Week, rule: str, way: Direction, by: float, fix: str) -> Suspicion:
    n = int(week.known.sum())
    message = (
        f"{week_name(seen, week.column)} stands at {np.exp(by):.0%} of the weeks before, over {n} "
        "units"
    )
    return of_week(
        seen, week.column, np.isfinite(week.counts), rule, Outcome.STOP, way, message, fix
    )


def _to_come(seen: Seen, column: int) -> float:
    """Log of the share that the week before had when it was new, by what this drop says of it now.

    Where every newest week is short of reports that come in later, the next one is no less honest.
    """
    if column < 1:
        return 0.0
    then, now = seen.before[:, column - 1], seen.after[:, column - 1]
    known = np.isfinite(then) & np.isfinite(now)
    few, more = float(then[known].sum()), float(now[known].sum())
    return float(np.log((few + 0.5) / (more + 0.5))) if more > max(few, _TOTAL) else 0.0
