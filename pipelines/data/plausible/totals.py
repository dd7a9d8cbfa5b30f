"""Weekly counts that contradict the provider's own totals of years."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipelines.arrays import Bools, Float64s
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.words import counted

_NAMED = 5
_SEASON = 52  # weeks of a year; some tables have no week 53


def yearly_totals(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """Years of which all weeks are known, some from this drop, and whose sum is not the total it
    gives.

    What the weeks have too much looks too high, what they lack looks unreported.
    """
    del limits
    low, high = (
        np.zeros(seen.delivered.shape, dtype=bool),
        np.zeros(seen.delivered.shape, dtype=bool),
    )
    words: dict[bool, list[str]] = {True: [], False: []}
    for year, columns in _years(seen):
        weeks = seen.after[:, columns[0] : columns[1]]
        known = np.isfinite(weeks[:, :_SEASON]).all(axis=1)
        total = _totals(seen, year)
        delivered = seen.delivered[:, columns[0] : columns[1]].any(axis=1)
        summed = np.where(np.isfinite(weeks), weeks, 0.0).sum(axis=1)
        for more in (True, False):
            off = known & delivered & ((summed > total) if more else (summed < total))
            (high if more else low)[off, columns[0] : columns[1]] = True
            words[more] += [
                f"{seen.unit_ids[u]} {year}: weeks {summed[u]:g}, total {total[u]:g}"
                for u in np.flatnonzero(off)
            ]
    return [*_doubt(seen, high, words[True], True), *_doubt(seen, low, words[False], False)]


def _years(seen: Seen) -> Iterator[tuple[int, tuple[int, int]]]:
    """Years with totals and their columns, where the drop brings any of their weeks."""
    for year in sorted({int(year) for year in seen.arrived.yearly["year"].unique()}):
        columns = _columns(seen, year)
        if columns is not None and seen.delivered[:, columns[0] : columns[1]].any():
            yield year, columns


def _columns(seen: Seen, year: int) -> tuple[int, int] | None:
    """First column of the year and the one after its last, None if the counts do not span it."""
    first = seen.calendar.number(year, 1) - seen.first_week_no
    after = first + seen.calendar.weeks_in_year(year)
    return (first, after) if first >= 0 and first + _SEASON <= seen.delivered.shape[1] else None


def _totals(seen: Seen, year: int) -> Float64s:
    """(U,) totals of one year, NaN where not given."""
    rows = seen.arrived.yearly
    rows = rows[rows["year"] == year].drop_duplicates("unit_id").set_index("unit_id")
    return rows["total"].reindex(list(seen.unit_ids)).to_numpy(np.float64)


def _doubt(seen: Seen, years: Bools, words: list[str], more: bool) -> list[Suspicion]:
    """The cells of such years that this drop brings."""
    if not words:
        return []
    shown = ", ".join(words[:_NAMED]) + (", ..." if len(words) > _NAMED else "")
    message = (
        f"{'more' if more else 'fewer'} cases in the weeks than in the table's own total of the "
        f"year, {counted(len(words), 'time')}: {shown}"
    )
    fix = (
        "find out which of both is right; deliver both from the same day's data, or leave the "
        "totals out"
    )
    direction = Direction.HIGH if more else Direction.MISSING
    cells = seen.count_cells(years & seen.delivered)
    return [Suspicion("yearly-total", Outcome.HOLD, direction, message, fix, cells)]
