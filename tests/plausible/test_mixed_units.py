"""Counts that are another unit's are not counted as this one's."""

from __future__ import annotations

import numpy as np
import pytest
from support.lies import newest_week as lies
from support.place import Counts, Place, history

from pipelines.data.plausible.suspicion import Direction, Outcome

YEARS = 104


def sized(units: int = 45) -> Counts:
    """Units of very different size, no neighbour like the other."""
    counts = history(units, mean=12.0)
    factor = np.array([1, 9, 3, 16])[np.arange(units) % 4]
    return (counts.mul(factor, axis=0)).round()


def test_a_table_whose_rows_slipped_by_one_is_not_counted(place: Place) -> None:
    place.weekly(sized(), lambda c: lies.neighbours(c, 1))
    found = place.found()
    assert found["shifted-units"].direction is Direction.WRONG
    assert len(found["shifted-units"].units) >= 40 and place.judged().crowded


def test_a_block_whose_rows_slipped_is_held_alone(place: Place) -> None:
    place.weekly(sized(), lambda c: lies.neighbours(c, 1, slice(10, 22)))
    block = {f"{1001 + u}" for u in range(10, 22)}
    assert len(block ^ set(place.found()["shifted-units"].units)) <= 2


def test_two_exchanged_units_of_different_size_are_held(place: Place) -> None:
    counts = sized()
    counts.loc["1001"] = np.random.default_rng(1).poisson(4, counts.shape[1])
    place.weekly(counts, lambda c: lies.exchanged(c, "1001", "1004", 1))
    two = [c.suspicion for c in place.judged().causes if c.suspicion.rule == "exchanged-units"]
    assert {one.units: one.direction for one in two} == {
        ("1004",): Direction.MISSING,
        ("1001",): Direction.HIGH,
    }


def test_exchanged_units_of_like_size_cannot_be_told_by_one_week(place: Place) -> None:
    counts = sized()
    counts.loc["1005"] = np.random.default_rng(1).poisson(np.maximum(counts.loc["1001"], 1))
    place.weekly(counts, lambda c: lies.exchanged(c, "1001", "1005", 1))
    assert "exchanged-units" not in place.found()


@pytest.mark.parametrize("how", ["sorted", "shuffled"])
def test_sorted_or_shuffled_values_stop_the_drop(place: Place, how: str) -> None:
    def lie(counts: Counts) -> Counts:
        newest = counts.iloc[:, -1].to_numpy()
        mixed = np.sort(newest) if how == "sorted" else np.random.default_rng(3).permutation(newest)
        return lies.newest(counts, mixed)

    place.weekly(sized(), lie)
    one = place.found()["units-unlike-themselves"]
    assert (one.outcome, one.direction) == (Outcome.STOP, Direction.WRONG)


def test_a_past_that_is_the_neighbours_is_named_with_whose_it_is(place: Place) -> None:
    counts = history(45)
    place.bring(counts.iloc[:, :-1])
    place.bring(lies.neighbours(counts.copy(), counts.shape[1]))
    one = place.found()["swapped-units"]
    assert len(one.units) == 45 and "1002 has that of 1001" in one.message
    assert place.judged().crowded


@pytest.mark.parametrize("units", [5, 45])
def test_two_units_that_exchanged_two_years_are_held_with_their_newest_week(
    place: Place, units: int
) -> None:
    counts = history(units)
    place.bring(counts.iloc[:, :-1])
    place.bring(lies.exchanged(counts.copy(), "1002", "1005", YEARS))
    one = place.found()["swapped-units"]
    assert one.units == ("1002", "1005") and counts.columns[-1] in set(one.cells["when"])


def test_the_accepted_past_stays_in_force(place: Place) -> None:
    counts = history(12)
    place.bring(counts.iloc[:, :-1])
    place.bring(lies.exchanged(counts.copy(), "1002", "1005", YEARS))
    kept = place.judged().cells
    known = kept[kept["number"].notna() & (kept["unit_id"] == "1002")]
    last = known.drop_duplicates("when", keep="last").set_index("when")["number"]
    assert last.to_dict() == counts.loc["1002", counts.columns[:-1]].to_dict()
