"""Counts that are sums since the year began, as many bulletins print them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Bools, Float64s
from pipelines.data.plausible.found import of_counts, of_week, units_of, week_name
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.level import Week, newest_weeks
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_RISES, _LAST = 8, 20.0  # weeks that rose, and cases in the last: less can happen by chance
_TIMES_LEVEL, _SUM, _WEEKS = 3.0, 5.0, 5  # from which a year's sum can be told from a week
_FEWEST = 3  # units that do alike
_HALF = 0.5  # of the units that can tell
_ASK = "deliver cases of each week, not sums since the year began"


def cumulative(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Newest weeks that hold the year before them, and years in which a unit's counts
    never fall."""
    return [*_newest(seen), *_years(seen, limits.cumulative_weeks)]


def _newest(seen: Seen) -> list[Suspicion]:
    out = []
    for week in newest_weeks(seen):
        if seen.calendar.week_of_year(seen.week_no(week.column)) < _WEEKS:
            continue
        so_far = _of_year(seen, week)
        tells = week.known & (so_far >= _SUM) & (so_far >= _TIMES_LEVEL * week.level)
        sums = tells & (week.counts >= so_far)
        if sums.sum() >= _FEWEST and sums.sum() >= _HALF * tells.sum():
            message = (
                f"{units_of(seen, sums)} had as many cases in {week_name(seen, week.column)} as "
                "in the whole year before it"
            )
            out.append(
                of_week(
                    seen,
                    week.column,
                    np.isfinite(week.counts),
                    "cumulative",
                    Outcome.STOP,
                    Direction.WRONG,
                    message,
                    _ASK,
                )
            )
    return out


def _years(seen: Seen, fewest: int) -> list[Suspicion]:
    counts, doubted = seen.new_counts, np.zeros(seen.delivered.shape, dtype=bool)
    columns = np.flatnonzero(np.isfinite(counts).any(axis=0))
    years = np.array([seen.calendar.epi_year(seen.week_no(int(c))) for c in columns])
    for year in np.unique(years):
        first = seen.calendar.number(int(year), 1) - seen.first_week_no
        span = slice(max(first, 0), first + seen.calendar.weeks_in_year(int(year)))
        never = _never_falls(seen.after[:, span], fewest)
        doubted[:, span] |= never[:, None] & np.isfinite(counts[:, span])
    if not doubted.any():
        return []
    units = np.asarray(doubted.any(axis=1))
    largest = np.nan_to_num(counts).max(axis=1) >= _LAST
    most = units.sum() >= _FEWEST and units.sum() >= _HALF * largest.sum()
    way = Direction.WRONG if most else Direction.HIGH  # one unit may be in an epidemic
    at = np.flatnonzero(doubted.any(axis=0))
    message = (
        f"counts of {units_of(seen, units)} never fall within a year, in "
        f"{week_name(seen, int(at.min()))}..{week_name(seen, int(at.max()))}"
    )
    return [of_counts(seen, doubted, "cumulative-year", Outcome.HOLD, way, message, _ASK)]


def _never_falls(counts: Float64s, fewest: int) -> Bools:
    """(U,) units whose counts of a year rise often and never fall."""
    if counts.shape[1] < fewest:
        return np.zeros(len(counts), dtype=bool)
    known = np.isfinite(counts)
    most = np.fmax.accumulate(np.where(known, counts, 0.0), axis=1)
    rises = (np.diff(most, axis=1) > 0).sum(axis=1)
    keeps = (~known | (counts == most)).all(axis=1)
    enough = (known.sum(axis=1) >= fewest) & (rises >= _RISES) & (most[:, -1] >= _LAST)
    return np.asarray(keeps & enough)


def _of_year(seen: Seen, week: Week) -> Float64s:
    """(U,) sum of the known counts of the week's own year before it."""
    ordinal = seen.week_no(week.column)
    start = max(ordinal - seen.calendar.week_of_year(ordinal) + 1 - seen.first_week_no, 0)
    known = seen.after if seen.is_first else seen.before
    return np.asarray(np.nansum(known[:, start : week.column], axis=1))
