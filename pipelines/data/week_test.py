"""Which numbering a table's weeks follow, by its weeks 53 or by the weekdays of its dates.

CDC weeks have a week 53 in 2008, 2014, 2020 and 2025, ISO weeks in 2009, 2015, 2020 and 2026. A
table that has one where its declared calendar has none would be read up to a week off, unseen.
A week 53 that no numbering has (TabNet's) tells nothing, and is left to be refused by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipelines.arrays import Days, Int64s
from pipelines.weeks import CDC, ISO, WEEKDAYS, Calendar

Verdict = Literal["cdc", "iso", "both", "neither"]
NUMBERINGS: Mapping[str, Calendar] = {"cdc": CDC, "iso": ISO}
_DENSE = (
    0.5  # of week 52's records; with fewer in week 53, one that is absent may just have no case
)


@dataclass(frozen=True)
class WeekTest:
    """What a table's weeks say about their numbering.

    Attributes:
        years_53: years in which the table has a week 53.
        reason: in words, for a person who has to choose.
    """

    verdict: Verdict
    reason: str
    years_53: tuple[int, ...] = ()


def of_weeks(year: Int64s, week: Int64s) -> WeekTest:
    """The numberings that fit a table's (year, week) records; other weeks than 1..53 are
    ignored."""
    fit = fitting(year, week, NUMBERINGS)
    years = _years_of(year, week, 53)
    listed = ", ".join(map(str, years)) or "no year"
    if not fit:
        return WeekTest("neither", f"week 53 is there in {listed}, as in no numbering", years)
    if len(fit) > 1:
        return WeekTest("both", f"week 53 is there in {listed}: CDC and ISO weeks both fit", years)
    return WeekTest(
        "cdc" if fit == ["cdc"] else "iso",
        f"week 53 is there in {listed}, as only {NUMBERINGS[fit[0]].name} have it",
        years,
    )


def fitting(year: Int64s, week: Int64s, calendars: Mapping[str, Calendar]) -> list[str]:
    """Names of the calendars that can have numbered these weeks.

    A calendar must have every week 53 that is there. Of several that do, those go whose week 53 is
    absent between records of week 52 and week 1, if the table's other weeks 53 are well filled.
    """
    seen = _years_of(year, week, 53)
    fit = [name for name, calendar in calendars.items() if all(calendar.has(y, 53) for y in seen)]
    if not seen or not _dense(year, week, seen):
        return fit
    passed = set(_years_of(year, week, 52)) & {y - 1 for y in _years_of(year, week, 1)}
    skipped = passed - set(seen)
    whole = [name for name in fit if not any(calendars[name].has(y, 53) for y in skipped)]
    return whole or fit


def _years_of(year: Int64s, week: Int64s, number: int) -> tuple[int, ...]:
    return tuple(int(y) for y in np.unique(year[week == number]))


def _dense(year: Int64s, week: Int64s, years: tuple[int, ...]) -> bool:
    at = np.isin(year, years)
    return bool((at & (week == 53)).sum() >= _DENSE * (at & (week == 52)).sum())


def of_days(days: Days, last: bool = False) -> WeekTest:
    """The numbering whose weeks begin (or, with `last`, end) on the weekday of these days."""
    found = weekdays(days)
    if len(found) != 1:
        return WeekTest(
            "neither",
            f"the dates fall on {len(found)} different weekdays, so they are no days of weeks",
        )
    at = (next(iter(found)) + int(last)) % 7
    verdict: Verdict = {6: "cdc", 0: "iso"}.get(at, "neither")  # type: ignore[assignment]
    return WeekTest(verdict, f"weeks begin on {WEEKDAYS[at].capitalize()}")


def weekdays(days: Days) -> dict[int, int]:
    """Weekday (0 = Monday) -> how many of the days fall on it; NaT is ignored."""
    known = days[~np.isnat(days)].astype("datetime64[D]").astype(np.int64)
    # 1970-01-01 was a Thursday
    at, n = np.unique((known + 3) % 7, return_counts=True)
    return {int(a): int(c) for a, c in zip(at, n, strict=True)}
