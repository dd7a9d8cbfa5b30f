"""Sums since January, multiples, rounded and filled-in values are not counted before a person has
looked.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.lies import newest_week as lies
from support.place import Counts, Place, history

from pipelines.data.plausible.suspicion import Direction, Outcome
from pipelines.weeks import CDC


def weeks_of_year(place_weeks: int) -> int:
    """How many weeks the year of the newest week has so far."""
    newest = int(history(1, weeks=place_weeks).columns[-1])
    return CDC.week_of_year(newest)


def test_a_newest_week_that_holds_the_year_before_it_stops_the_drop(place: Place) -> None:
    counts = history(45, weeks=300)
    so_far = weeks_of_year(300)
    place.weekly(counts, lambda c: lies.newest(c, c.iloc[:, -so_far:].sum(axis=1).to_numpy()))
    one = place.found()["cumulative"]
    assert (one.outcome, one.direction) == (Outcome.STOP, Direction.WRONG)


@pytest.mark.parametrize("units", [5, 45])
def test_a_first_drop_whose_year_is_summed_up_is_held_in_that_year_alone(
    place: Place, units: int
) -> None:
    counts = history(units, weeks=300)
    so_far = weeks_of_year(300)
    place.bring(lies.sums(counts, so_far))
    one = place.found()["cumulative-year"]
    assert one.direction is Direction.WRONG and len(one.units) == units
    assert set(one.cells["when"]) == set(counts.columns[-so_far:])


def test_a_series_that_rises_for_eleven_weeks_is_not_taken_for_sums(place: Place) -> None:
    counts = history(12, weeks=313 + 11)
    counts.loc["1003", counts.columns[-11:]] = np.arange(11) * 6.0 + 20
    place.weekly(counts)
    assert "cumulative-year" not in place.found()


def test_one_unit_that_never_falls_may_be_in_an_epidemic_and_is_published_both_ways(
    place: Place,
) -> None:
    counts = history(12, weeks=300)
    so_far = weeks_of_year(300)
    counts.loc["1003", counts.columns[-so_far:]] = np.arange(so_far) * 3.0
    place.bring(counts)
    assert place.found()["cumulative-year"].direction is Direction.HIGH


def test_counts_rounded_to_tens_are_held(place: Place) -> None:
    place.weekly(history(45), lambda c: lies.newest(c, c.iloc[:, -1].round(-1).to_numpy()))
    one = place.found()["multiples"]
    assert one.direction is Direction.WRONG and "multiples of 10" in one.message


def test_doubled_counts_are_held_although_the_level_allows_them(place: Place) -> None:
    half = [f"{u}" for u in range(1001, 1201, 2)]
    place.weekly(history(200), lambda c: lies.times(c, 2, half))
    assert set(half) <= set(place.found()["multiples"].units)


def test_as_many_even_counts_as_chance_makes_are_not_held(place: Place) -> None:
    for seed in range(4):
        one = Place(place.root)
        one.weekly(history(45, seed=seed))
        assert "multiples" not in one.found()


def test_one_value_in_units_of_every_size_is_held(place: Place) -> None:
    some = [f"{u}" for u in range(1001, 1046, 2)]
    place.weekly(history(45), lambda c: lies.newest(c, 17.0, some))
    assert set(some) <= set(place.found()["filled-in"].units)


def test_units_of_one_size_may_have_one_count(place: Place) -> None:
    counts = history(45)
    counts.iloc[:9, -5:] = np.array([[16.0, 19.0, 17.0, 20.0, 17.0]] * 9)
    counts.iloc[:9, -5:-1] += np.arange(9)[:, None] % 3
    place.weekly(counts)
    assert "filled-in" not in place.found()


def small_towns() -> Counts:
    """Half of the units have a case now and then."""
    return pd.concat(
        [history(24), history(40, mean=0.3, seed=4).set_axis([f"{u}" for u in range(2001, 2041)])]
    )


@pytest.mark.parametrize("added", [1, 4])
def test_a_number_added_to_every_unit_stops_the_drop(place: Place, added: float) -> None:
    place.weekly(small_towns(), lambda c: lies.newest(c, c.iloc[:, -1].to_numpy() + added))
    one = place.found()["zeros-gone"]
    assert (one.outcome, one.direction) == (Outcome.STOP, Direction.WRONG)


def test_small_towns_with_a_few_cases_more_are_not_doubted(place: Place) -> None:
    some = [f"{u}" for u in range(2001, 2012)]
    place.weekly(small_towns(), lambda c: lies.newest(c, c.loc[some, c.columns[-1]] + 1, some))
    assert place.found() == {}
