"""Weeks 53 and weekdays tell which numbering a table follows."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.data.week_test import fitting, of_days, of_weeks
from pipelines.weeks import CDC, ISO, Calendar


def table(calendar: Calendar, first: int, last: int, without: tuple[int, ...] = ()):
    """All (year, week) of some years, week 53 of `without` left out."""
    pairs = [
        (y, w)
        for y in range(first, last + 1)
        for w in range(1, calendar.weeks_in_year(y) + 1)
        if not (w == 53 and y in without)
    ]
    return tuple(np.array(pairs, dtype=np.int64).T)


@pytest.mark.parametrize(
    ("calendar", "first", "last", "verdict"),
    [
        (CDC, 2013, 2016, "cdc"),
        (ISO, 2013, 2016, "iso"),
        (CDC, 2019, 2022, "both"),
        (ISO, 2016, 2019, "both"),
        (CDC, 2018, 2026, "cdc"),
        (ISO, 2018, 2026, "iso"),
    ],
)
def test_whole_years_tell_their_numbering(calendar, first, last, verdict):
    assert of_weeks(*table(calendar, first, last)).verdict == verdict


def test_a_week_53_that_is_absent_between_its_neighbours_tells_as_well():
    """2018 to the middle of 2026 in ISO weeks: the only week 53 is 2020's, which both have."""
    year, week = table(ISO, 2018, 2025)
    year, week = np.append(year, [2026] * 20), np.append(week, range(1, 21))
    assert of_weeks(year, week).verdict == "iso"


def test_a_table_that_never_has_a_week_53_says_nothing():
    assert of_weeks(*table(CDC, 2013, 2026, without=(2014, 2020, 2025))).verdict == "both"


def test_a_single_record_in_week_53_is_no_proof_that_another_was_skipped():
    year, week = (np.tile(a, 10) for a in table(CDC, 2018, 2026, without=(2020, 2025)))
    assert of_weeks(np.append(year, 2020), np.append(week, 53)).verdict == "both"


def test_weeks_53_of_both_numberings_fit_neither():
    year, week = table(CDC, 2013, 2016)
    test = of_weeks(np.append(year, 2015), np.append(week, 53))
    assert (test.verdict, test.years_53) == ("neither", (2014, 2015))


def test_any_calendar_can_be_asked_for():
    wednesday = Calendar("wednesday")
    years = [y for y in range(2000, 2030) if wednesday.has(y, 53)]
    assert fitting(*table(wednesday, 2000, 2029), {"cdc": CDC, "wed": wednesday}) == ["wed"]
    assert years


@pytest.mark.parametrize(
    ("first", "last", "verdict"),
    [
        ("2018-01-07", False, "cdc"),
        ("2018-01-06", True, "cdc"),
        ("2018-01-08", False, "iso"),
        ("2018-01-07", True, "iso"),
        ("2018-01-03", False, "neither"),
    ],
)
def test_the_weekday_of_dates_tells(first, last, verdict):
    days = np.datetime64(first, "D") + 7 * np.arange(10)
    assert of_days(days, last).verdict == verdict


def test_daily_dates_are_no_weeks():
    assert of_days(np.datetime64("2018-01-01", "D") + np.arange(30)).verdict == "neither"
