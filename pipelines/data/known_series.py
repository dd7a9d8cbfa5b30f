"""Values of weeks or months of which an origin may know some: the newest known one, and those
before it.

Shape letters: U units, T weeks or months, O origins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipelines.arrays import Float64s, Int64s
from pipelines.weeks import Calendar

NEVER = np.iinfo(np.int32).max  # week ordinal of what never becomes known
MIN_PRESENT_SHARE = 0.5  # of a mean's weeks; below it the mean is missing
# If the newest known value is older, the series is missing, not stale: a quarter of a year.
MAX_AGE = {"week": 13, "month": 3}


@dataclass(frozen=True)
class KnownSeries:
    """A series that the place declares.

    Attributes:
        step: "week" or "month"; periods are week ordinals, or year * 12 + month - 1.
        values: (U, T), NaN where missing; column 0 is period `first_no`.
        known_from: (U, T) first origin week that knows the value, NEVER if there is none.
    """

    step: str
    first_no: int
    values: Float64s
    known_from: Int64s
    calendar: Calendar

    def lags(self, origins: Int64s, lags: int) -> Float64s:
        """(U, O, lags) values, [..., 0] = the newest one that the origin knows."""
        newest = newest_known(self.known_from, self.first_no, origins)
        now = origins if self.step == "week" else month_of_week(origins, self.calendar)
        oldest = now - MAX_AGE[self.step]
        return pick_known(
            self.values, self.known_from, self.first_no, newest, oldest, origins, lags
        )

    def blinded(self, origin_week_no: int, noise: np.random.Generator) -> KnownSeries:
        """The same with noise in the place of what the origin does not know."""
        future = self.known_from > origin_week_no
        made = noise.uniform(0, 300, self.values.shape)
        return replace(self, values=np.where(future, made, self.values))


def newest_known(known_from: Int64s, first_no: int, origins: Int64s) -> Int64s:
    """(U, O) ordinal of the newest period that is known at each origin, -1 if there is none."""
    span = int(origins.max()) - int(origins.min()) + 1
    newest = np.full((len(known_from), span), -1, dtype=np.int64)
    start = np.maximum(known_from - int(origins.min()), 0)
    row, col = np.nonzero(start < span)
    np.maximum.at(newest, (row, start[row, col]), first_no + col)
    return np.maximum.accumulate(newest, axis=1)[:, origins - int(origins.min())]


def pick_known(
    values: Float64s,
    known_from: Int64s,
    first_no: int,
    newest: Int64s,
    oldest: Int64s,
    origins: Int64s,
    lags: int,
) -> Float64s:
    """(U, O, lags) values of the newest known period and those before it, NaN where not known.

    Args:
        newest: (U, O) as newest_known says.
        oldest: (O,) if the newest known period is older, all are missing.
    """
    column = newest[..., None] - np.arange(lags) - first_no
    inside = (column >= 0) & (column < values.shape[1])
    if not inside.any():
        return np.full(column.shape, np.nan)
    safe, unit = np.where(inside, column, 0), np.arange(len(values))[:, None, None]
    known = inside & (known_from[unit, safe] <= origins[None, :, None])
    return np.where(known & (newest >= oldest)[..., None], values[unit, safe], np.nan)


def partial_mean(values: Float64s) -> Float64s:
    """Mean over the last axis that ignores NaN; NaN if fewer than half of the values are there."""
    present = np.isfinite(values)
    count = present.sum(axis=-1)
    total = np.where(present, values, 0.0).sum(axis=-1)
    enough = (count > 0) & (count >= MIN_PRESENT_SHARE * values.shape[-1])
    return np.where(enough, total / np.maximum(count, 1), np.nan)


def month_of_week(origins: Int64s, calendar: Calendar) -> Int64s:
    """(O,) ordinal of the month that holds the last day of each origin week."""
    days = np.datetime64(calendar.first_end) + 7 * origins.astype("timedelta64[D]")
    return days.astype("datetime64[M]").astype(np.int64) + 12 * 1970
