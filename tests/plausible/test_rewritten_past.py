"""Settled weeks keep their accepted counts until a person has looked; ordinary revisions pass."""

from __future__ import annotations

import numpy as np
import pytest
from support.place import Counts, Place, history

from pipelines.data.plausible.suspicion import Outcome


def again(place: Place, counts: Counts, rewritten: Counts) -> None:
    """A drop without the newest week, then all of it, told otherwise."""
    place.bring(counts.iloc[:, :-1])
    place.bring(rewritten)


def changed(counts: Counts, share: float, by: float = 1.0) -> Counts:
    """This share of the settled counts with cases are a little higher."""
    rewritten = counts.copy()
    old = rewritten.to_numpy()[:, :-9]
    chosen = (np.random.default_rng(9).random(old.shape) < share) & (old > 0)
    rewritten.iloc[:, :-9] = np.where(chosen, old + by, old)
    return rewritten


@pytest.mark.parametrize(("share", "held"), [(0.01, False), (0.04, True)])
def test_more_changed_counts_than_one_in_fifty_are_held(
    place: Place, share: float, held: bool
) -> None:
    counts = history(45)
    again(place, counts, changed(counts, share))
    assert ("history-rewritten" in place.found()) is held


def test_one_settled_count_that_changes_far_is_held_and_a_little_is_not(place: Place) -> None:
    counts = history(12)
    rewritten = counts.copy()
    rewritten.loc["1003", counts.columns[100]] = 77.0
    counts.loc["1003", counts.columns[100]] = 5.0
    again(place, counts, rewritten)
    assert place.found()["revised-far"].units == ("1003",)
    little = Place(place.root)
    rewritten.loc["1003", counts.columns[100]] = 7.0
    again(little, counts, rewritten)
    assert little.found() == {}


def test_newest_weeks_that_are_all_revised_are_ordinary(place: Place) -> None:
    counts = history(45)
    before = counts.copy()
    before.iloc[:, -8:] = np.floor(before.iloc[:, -8:] * 0.9)
    again(place, before, counts)
    assert place.found() == {}


@pytest.mark.parametrize("weeks", [1, -1, 2])
def test_a_table_that_slipped_by_a_week_is_stopped(place: Place, weeks: int) -> None:
    counts = history(12)
    rewritten = counts.copy()
    rewritten.iloc[:, :] = np.roll(counts.to_numpy(), weeks, axis=1)
    again(place, counts, rewritten)
    one = place.found()["shifted-weeks"]
    assert one.outcome is Outcome.STOP and f"{abs(weeks)} week" in one.message


def test_one_unit_that_slipped_by_a_week_is_held(place: Place) -> None:
    counts = history(12)
    rewritten = counts.copy()
    rewritten.loc["1003"] = np.roll(counts.loc["1003"].to_numpy(), 1)
    again(place, counts, rewritten)
    one = place.found()["shifted-weeks"]
    assert one.outcome is Outcome.HOLD and one.units == ("1003",)


@pytest.mark.parametrize(("weeks", "stopped"), [(8, True), (3, False)])
def test_recent_weeks_that_hold_two_weeks_each_stop_the_drop(
    place: Place, weeks: int, stopped: bool
) -> None:
    """The three newest of those that were accepted may grow at will."""
    counts = history(45)
    rewritten = counts.copy()
    rewritten.iloc[:, -weeks - 1 : -1] += counts.iloc[:, -weeks - 2 : -2].to_numpy()
    again(place, counts, rewritten)
    assert ("recent-rewritten" in place.found()) is stopped


def test_recent_weeks_that_gain_a_fifth_are_not_doubted(place: Place) -> None:
    counts = history(45)
    rewritten = counts.copy()
    rewritten.iloc[:, -8:-1] = np.round(rewritten.iloc[:, -8:-1] * 1.2)
    again(place, counts, rewritten)
    assert place.found() == {}


def test_a_backlog_of_one_unit_is_not_taken_for_a_rewritten_table(place: Place) -> None:
    counts = history(45)
    rewritten = counts.copy()
    rewritten.loc["1003", rewritten.columns[-8:-1]] *= 2
    again(place, counts, rewritten)
    assert "recent-rewritten" not in place.found()
