"""A newest week that repeats an older one is unknown; chance agreement is not a copy."""

from __future__ import annotations

import numpy as np
import pytest
from support.lies import newest_week as lies
from support.place import Counts, Place, history

from pipelines.data.plausible.suspicion import Direction


@pytest.mark.parametrize("back", [2, 3, 53])
def test_a_table_whose_newest_week_is_another_week_is_held(place: Place, back: int) -> None:
    counts = history(45)
    place.weekly(counts, lambda c: lies.newest(c, c.iloc[:, -back].to_numpy()))
    one = place.found()["copied-week"]
    assert one.direction is Direction.MISSING and len(one.units) == 45
    assert place.judged().crowded


def test_five_units_that_all_repeat_the_week_before_are_held(place: Place) -> None:
    place.weekly(history(5), lambda c: lies.newest(c, c.iloc[:, -2].to_numpy()))
    assert len(place.found()["copied-week"].units) == 5


def test_a_run_of_neighbours_that_repeats_the_week_before_is_held(place: Place) -> None:
    area = [f"{u}" for u in range(1021, 1036)]
    counts = history(120)
    place.weekly(counts, lambda c: lies.newest(c, c.loc[area, c.columns[-2]].to_numpy(), area))
    assert set(area) <= set(place.found()["copied-week"].units)


def test_three_units_of_forty_five_that_agree_by_chance_are_no_copy(place: Place) -> None:
    units = ["1003", "1017", "1030"]
    place.weekly(
        history(45), lambda c: lies.newest(c, c.loc[units, c.columns[-2]].to_numpy(), units)
    )
    assert place.found() == {}


@pytest.mark.parametrize(("count", "held"), [(150.0, False), (200.0, True)])
def test_one_unit_alone_repeats_itself_improbably_from_177_cases_on(
    place: Place, count: float, held: bool
) -> None:
    counts = history(12)
    counts.loc["1003", counts.columns[-6:]] = count + np.array([8.0, -9.0, 5.0, -7.0, 0.0, 0.0])
    place.weekly(counts)
    assert ("copied-by-unit" in place.found()) is held


def test_a_unit_whose_four_new_weeks_repeat_the_four_before_is_held(place: Place) -> None:
    counts = history(12)
    counts.loc["1003", counts.columns[-8:]] = [31.0, 24.0, 40.0, 28.0, 31.0, 24.0, 40.0, 28.0]
    place.weekly(counts, weeks=4)
    assert place.found()["copied-by-unit"].units == ("1003",)


def test_a_first_drop_whose_newest_week_is_a_copy_is_held(place: Place) -> None:
    counts = history(45)
    place.bring(lies.newest(counts, counts.iloc[:, -2].to_numpy()))
    assert len(place.found()["copied-week"].units) == 45


def test_a_week_that_is_filled_with_the_mean_of_four_is_held(place: Place) -> None:
    counts = history(45)
    place.weekly(counts, lambda c: lies.newest(c, c.iloc[:, -5:-1].mean(axis=1).round().to_numpy()))
    one = place.found()["copied-week"]
    assert len(one.units) == 45 and "mean of the 4 weeks" in one.message


def test_two_newest_weeks_that_changed_places_are_held(place: Place) -> None:
    """The older of both comes again as the new one, which is what the older one was accepted as."""
    place.weekly(history(45), exchanged)
    one = place.found()["copied-week"]
    assert len(one.units) == 45 and " was before" in one.message


def exchanged(counts: Counts) -> Counts:
    counts.iloc[:, -2:] = counts.iloc[:, [-1, -2]].to_numpy()
    return counts
