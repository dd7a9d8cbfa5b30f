"""What looks too high is held as unconfirmed, so that it is published both ways; a rise is never
hidden.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.lies import newest_week as lies
from support.place import Counts, Place, history

from pipelines.data.plausible.doubts import unconfirmed
from pipelines.data.plausible.suspicion import Direction, Outcome

HIGH = (Outcome.HOLD, Direction.HIGH)


def quiet(most: float = 6.0) -> Counts:
    """Twelve units, of which 1003 has 0 or a few cases a week."""
    counts = history(12)
    few = np.random.default_rng(4).integers(0, 3, counts.shape[1]).astype(float)
    few[20] = most
    counts.loc["1003"] = few
    return counts


@pytest.mark.parametrize(("count", "held"), [(30.0, False), (31.0, True)])
def test_a_count_over_five_times_the_own_maximum_is_unconfirmed(
    place: Place, count: float, held: bool
) -> None:
    place.weekly(quiet(6.0), lambda c: lies.newest(c, count, ["1003"]))
    assert ("far-above-maximum" in place.found()) is held


def test_a_count_below_twenty_is_never_far_above_its_maximum(place: Place) -> None:
    place.weekly(quiet(2.0), lambda c: lies.newest(c, 19.0, ["1003"]))
    assert "far-above-maximum" not in place.found()


def test_an_unconfirmed_count_is_among_those_that_are_published_both_ways(place: Place) -> None:
    place.weekly(quiet(), lambda c: lies.newest(c, 68.0, ["1003"]))
    one = place.found()["far-above-maximum"]
    assert (one.outcome, one.direction) == HIGH and "68" in one.message
    assert unconfirmed(place.judged().doubts)["number"].tolist() == [68.0]


def test_a_true_start_of_an_epidemic_is_held_as_high_alone(place: Place) -> None:
    """5, 4, 4, 6, then 68, 100, 102, 121, as a district had it; no other rule sets it aside."""
    counts = quiet()
    counts.loc["1003", counts.columns[-8:]] = [5.0, 4.0, 4.0, 6.0, 68.0, 100.0, 102.0, 121.0]
    for end in range(-4, 1):
        place.bring(counts.iloc[:, : counts.shape[1] + end])
    doubts = place.judged().doubts
    doubts = doubts[doubts["unit_id"] == "1003"]
    assert set(doubts["direction"]) == {"high"}
    assert doubts["number"].tolist() == [68.0, 100.0, 102.0, 121.0]


def test_an_old_count_of_a_first_drop_is_told_and_not_held(place: Place) -> None:
    counts = quiet()
    counts.loc["1003", counts.columns[100]] = 4000.0
    place.bring(counts)
    one = place.found()["far-above-maximum"]
    assert one.outcome is Outcome.NOTE and not place.judged().doubts["held"].any()


@pytest.mark.parametrize(("count", "held"), [(69.0, False), (70.0, True)])
def test_seven_times_the_recent_level_is_unconfirmed_although_an_epidemic_was_higher(
    place: Place, count: float, held: bool
) -> None:
    counts = quiet(400.0)
    counts.loc["1003", counts.columns[-5:-1]] = 10.0
    place.weekly(counts, lambda c: lies.newest(c, count, ["1003"]))
    assert ("jumped" in place.found()) is held


@pytest.mark.parametrize("factor", [3.0, 10.0])
def test_a_table_that_is_multiplied_as_a_whole_is_stopped(place: Place, factor: float) -> None:
    place.weekly(history(45), lambda c: lies.times(c, factor))
    one = place.found()["multiplied-week"]
    assert (one.outcome, one.direction) == (Outcome.STOP, Direction.HIGH)


def test_a_first_drop_whose_newest_week_is_multiplied_is_stopped(place: Place) -> None:
    place.bring(lies.times(history(45), 10))
    assert place.found()["multiplied-week"].outcome is Outcome.STOP


def test_an_epidemic_that_grows_by_a_third_a_week_everywhere_is_not_doubted(place: Place) -> None:
    counts, noise = history(45), np.random.default_rng(6)
    grown = counts.iloc[:, -6:-5].to_numpy() * 1.33 ** np.arange(1, 6)[None, :]
    counts.iloc[:, -5:] = noise.poisson(grown).astype(float)
    for end in range(-5, 1):
        place.bring(counts.iloc[:, : counts.shape[1] + end])
    assert [
        c.suspicion.rule for c in place.judged().causes if c.suspicion.outcome is Outcome.STOP
    ] == []


def test_an_area_that_is_multiplied_is_unconfirmed(place: Place) -> None:
    area = [f"{u}" for u in range(1021, 1036)]
    place.weekly(history(120), lambda c: lies.times(c, 4, area))
    one = place.found()["area-high"]
    assert (one.outcome, one.direction) == HIGH and set(one.units) & set(area)
    assert pd.Series(one.units).isin(area).mean() > 0.9


@pytest.mark.parametrize(("count", "rule"), [(5000.0, "jumped"), (0.0, "fell-to-zero")])
def test_one_doubted_unit_puts_its_honest_neighbours_in_no_doubt(
    place: Place, count: float, rule: str
) -> None:
    counts = history(12)
    counts.loc["1003", counts.columns[-10:-1]] = 300.0  # most of the table's cases
    place.weekly(counts, lambda c: lies.newest(c, count, ["1003"]))
    held = place.judged().doubts
    assert set(held["unit_id"]) == {"1003"}
    assert rule in place.found()
