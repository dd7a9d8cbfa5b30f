"""What looks as if it had not been reported is unknown until a person has answered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.lies import newest_week as lies
from support.place import Counts, Place, history

from pipelines.data.plausible.suspicion import Direction, Outcome

MISSING = (Outcome.HOLD, Direction.MISSING)


def small(units: int = 60) -> Counts:
    """Units of about 4 cases a week."""
    counts = np.random.default_rng(8).poisson(4, (units, 120)).astype(float)
    ids = [f"{1001 + i}" for i in range(units)]
    return pd.DataFrame(counts, index=ids, columns=history(1).columns[:120])


def outcome(place: Place, rule: str) -> tuple[Outcome, Direction]:
    one = place.found()[rule]
    return one.outcome, one.direction


@pytest.mark.parametrize(("level", "held"), [(9.0, False), (10.0, True)])
def test_a_zero_is_held_from_a_level_of_ten(place: Place, level: float, held: bool) -> None:
    counts = history(12)
    counts.loc["1003", counts.columns[-5:-1]] = level
    place.weekly(counts, lambda c: lies.newest(c, 0.0, ["1003"]))
    assert ("fell-to-zero" in place.found()) is held


def test_the_second_zero_in_a_row_is_held_as_the_first_is(place: Place) -> None:
    counts = history(12)
    counts.loc["1003", counts.columns[-3:]] = 0.0
    place.bring(counts.iloc[:, :-3])
    place.bring(counts)
    cells = place.judged().doubts
    assert cells["unit_id"].tolist() == ["1003"] * 3
    assert cells["when"].tolist() == list(counts.columns[-3:])


def test_zeros_go_on_being_held_week_after_week(place: Place) -> None:
    counts = history(12)
    counts.loc["1003", counts.columns[-10:-6]] = 30.0
    counts.loc["1003", counts.columns[-6:]] = 0.0
    for end in range(-6, 1):
        place.bring(counts.iloc[:, : counts.shape[1] + end])
    assert (place.judged().doubts["unit_id"] == "1003").sum() == 6


def test_a_first_drop_that_ends_in_zeros_is_held(place: Place) -> None:
    place.bring(lies.newest(history(12), 0.0, ["1003"]))
    assert place.found()["fell-to-zero"].units == ("1003",)


def test_zeros_of_many_small_units_are_held_together_and_of_one_are_not(place: Place) -> None:
    counts = small()
    place.weekly(counts, lambda c: lies.newest(c, 0.0, c.index[::2]))
    assert set(counts.index[::2]) <= set(place.found()["zeros-together"].units)
    alone = Place(place.root)
    alone.weekly(counts, lambda c: lies.newest(c, 0.0, ["1007"]))
    assert alone.found() == {}


def test_a_run_of_neighbours_with_zero_is_held(place: Place) -> None:
    area = [f"{u}" for u in range(1021, 1030)]
    place.weekly(small(300), lambda c: lies.newest(c, 0.0, area))
    assert set(area) <= set(place.found()["zeros-together"].units)


@pytest.mark.parametrize(("count", "held"), [(4.0, True), (5.0, False)])
def test_a_fall_to_a_tenth_of_a_high_level_is_held(place: Place, count: float, held: bool) -> None:
    counts = history(12)
    counts.loc["1003", counts.columns[-5:-1]] = 40.0
    place.weekly(counts, lambda c: lies.newest(c, count, ["1003"]))
    assert ("fell-far" in place.found()) is held


def test_a_table_of_which_two_fifths_came_in_is_stopped_and_an_honest_low_week_is_not(
    place: Place,
) -> None:
    place.weekly(history(45), lambda c: lies.share(c, 0.4))
    assert outcome(place, "incomplete-week") == (Outcome.STOP, Direction.MISSING)
    honest = Place(place.root)
    honest.weekly(history(45), lambda c: lies.share(c, 0.85))
    assert honest.found() == {}


def test_an_area_of_which_a_third_came_in_is_held_by_name(place: Place) -> None:
    area = [f"{u}" for u in range(1021, 1045)]
    place.weekly(history(120), lambda c: lies.share(c, 0.3, area))
    found = place.found()["area-low"]
    assert outcome(place, "area-low") == MISSING and len(set(area) & set(found.units)) >= 20
    assert len(found.units) <= 28


def test_a_steady_unit_without_a_cell_for_the_newest_week_is_held_by_name(place: Place) -> None:
    counts = history(12)
    place.bring(counts.iloc[:, :-1])
    place.bring(counts.drop(index="1004").iloc[:, -1:])
    found = place.found()["gone-silent"]
    assert found.silent == ("1004",) and outcome(place, "gone-silent") == MISSING


def test_an_empty_cell_in_the_newest_week_is_held_by_name(place: Place) -> None:
    place.weekly(history(12), lambda c: lies.newest(c, np.nan, ["1004"]))
    assert place.found()["newest-empty"].silent == ("1004",)


def test_a_newest_column_that_is_empty_stops_the_drop(place: Place) -> None:
    place.weekly(history(12), lambda c: lies.newest(c, np.nan))
    assert len(place.found()["newest-empty"].silent) == 12
    assert place.judged().crowded


def test_a_unit_that_stays_silent_is_named_every_week(place: Place) -> None:
    counts = history(12)
    place.bring(counts.iloc[:, :-5])
    for at in range(-5, 0):
        place.bring(counts.drop(index="1004").iloc[:, at:][counts.columns[at : at + 1 or None]])
        assert place.found()["gone-silent"].silent == ("1004",)


def test_a_unit_that_often_does_not_report_is_not_named(place: Place) -> None:
    counts = history(12)
    counts.loc["1004", counts.columns[::4]] = np.nan
    place.bring(counts.iloc[:, :-1])
    place.bring(counts.drop(index="1004").iloc[:, -1:])
    assert place.found() == {}


def test_a_drop_that_corrects_older_weeks_silences_nobody(place: Place) -> None:
    counts = history(12)
    place.bring(counts)
    place.bring(counts.iloc[:3, -4:-2] + 1, days_later=9)
    assert place.found() == {}
