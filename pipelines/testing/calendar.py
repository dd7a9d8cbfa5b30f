"""What every week numbering must keep: ordinals, labels and days that belong together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from pipelines.contracts import CALENDARS
from pipelines.errors import ConfigError
from pipelines.testing.asking import must_refuse
from pipelines.weeks import FIRST_YEAR, LAST_YEAR, SEASON_WEEKS, WEEKDAYS, Calendar, require_label

_WEEKS = range(-35 * SEASON_WEEKS, 35 * SEASON_WEEKS)  # some 70 years around week 0
_DAY = timedelta(days=1)


def check_calendar(name: str, starts: str | None = None) -> None:
    """Raise AssertionError unless a week numbering keeps what weeks.Calendar says, over 70 years.

    Args:
        name: in contracts.CALENDARS, as a profile's place.week.numbering gives it.
        starts: a profile's place.week.starts; None for the numbering's own first day.
    """
    calendar: Calendar = CALENDARS.load(name)(starts)
    again: Calendar = CALENDARS.load(name)(starts)
    assert calendar == again and hash(calendar) == hash(again), (
        "made twice, two calendars are not equal: profiles and caches compare them"
    )
    assert calendar.name.strip() and calendar.name.isprintable(), (
        "`name` is no text that people can read"
    )
    assert calendar.starts in WEEKDAYS, (
        f"`starts` is {calendar.starts!r}, none of {', '.join(WEEKDAYS)}"
    )
    assert starts is None or calendar.starts == starts, (
        f"asked for weeks from {starts}, it begins them on {calendar.starts}"
    )
    _check_days(calendar)
    _check_labels(calendar)
    _check_years(calendar)
    _check_refusals(calendar)


def _check_days(calendar: Calendar) -> None:
    weekday = WEEKDAYS.index(calendar.starts)
    assert calendar.week_end(0) == calendar.first_end, "`first_end` is not the last day of week 0"
    for number in _WEEKS:
        first, last = calendar.week_start(number), calendar.week_end(number)
        assert first.weekday() == weekday, f"week {number} begins on {first}, no {calendar.starts}"
        assert last - first == 6 * _DAY, (
            f"week {number} goes from {first} to {last}, not seven days"
        )
        assert calendar.week_start(number + 1) == last + _DAY, (
            f"week {number + 1} does not begin on the day after week {number}"
        )
        held = {calendar.week_no_of_date(first + day * _DAY) for day in range(7)}
        assert held == {number}, (
            f"days of week {number} ({first}..{last}) are said to be of {sorted(held)}"
        )


def _check_labels(calendar: Calendar) -> None:
    before = ""
    for number in _WEEKS:
        label = calendar.week_label(number)
        require_label(label)
        assert label > before, f"labels do not sort as weeks follow: {before!r}, then {label!r}"
        before = label
        assert calendar.week_no(label) == number, (
            f"week {number} is called {label}, and {label} is week {calendar.week_no(label)}"
        )
        year, week = calendar.epi_year(number), calendar.week_of_year(number)
        assert label == f"{year:04d}-w{week:02d}", f"{label} is said to be week {week} of {year}"
        assert calendar.number(year, week) == number, f"`number` of {label} is not {number}"
        assert calendar.has(year, week), f"`has` denies {label}"
        assert calendar.season_week(number) == min(week, SEASON_WEEKS), (
            f"the season week of {label} is not its week of the year (week 53 shares the place of "
            "52)"
        )
        assert year in {calendar.week_start(number).year, calendar.week_end(number).year}, (
            f"{label} has no day in {year}"
        )
        assert calendar.week_label(np.int64(number)) == label, "NumPy's integers give other weeks"


def _check_years(calendar: Calendar) -> None:
    for year in _years(calendar):
        n, first = calendar.weeks_in_year(year), calendar.number(year, 1)
        assert n in (52, 53), f"{year} has {n} weeks"
        weeks = [calendar.week_of_year(first + i) for i in range(n)]
        assert weeks == list(range(1, n + 1)), f"the weeks of {year} do not count from 1 to {n}"
        assert calendar.number(year + 1, 1) == first + n, (
            f"{year + 1} does not begin after week {n} of {year}"
        )
        for week in (0, n + 1):
            assert not calendar.has(year, week), (
                f"`has` knows a week {week} of {year}, which has {n}"
            )
            _must_refuse(calendar, f"{year}-w{week:02d}")
    assert not calendar.has(FIRST_YEAR - 1, 1) and not calendar.has(LAST_YEAR + 1, 1), (
        f"`has` knows years outside {FIRST_YEAR}..{LAST_YEAR}"
    )


def _years(calendar: Calendar) -> Iterator[int]:
    """Years that lie whole among the weeks looked at."""
    yield from range(calendar.epi_year(_WEEKS[0]) + 1, calendar.epi_year(_WEEKS[-1]))


def _check_refusals(calendar: Calendar) -> None:
    year = calendar.epi_year(0)
    for label in (
        "",
        f"{year}",
        f"{year}-07",
        f"{year}w07",
        f"{year}-w7",
        f" {year}-w07",
        f"{year}-w٠٧",
        f"{FIRST_YEAR - 1}-w01",
    ):
        _must_refuse(calendar, label)


def _must_refuse(calendar: Calendar, label: str) -> None:
    must_refuse(lambda: calendar.week_no(label), f"the label {label!r}, of no week", ConfigError)
