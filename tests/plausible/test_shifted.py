"""The total of the new weeks is told where the table's own past seldom moved so; nothing
is held."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from support.place import Counts, Place, history

from pipelines.data.plausible.shifted import rank, shifts


def times(factor: float, *units: str):
    def lie(counts: Counts) -> Counts:
        rows = list(units) or list(counts.index)
        counts.loc[rows, counts.columns[-1]] = np.floor(
            counts.loc[rows, counts.columns[-1]] * factor
        )
        return counts

    return lie


def notes(place: Place) -> list[str]:
    found = [c.suspicion for c in place.causes() if c.suspicion.rule == "cases-shifted"]
    return [one.message for one in found]


def test_an_ordinary_week_is_not_told(place: Place) -> None:
    place.weekly(history())
    assert notes(place) == []


def test_a_week_of_twice_the_cases_is_told_and_counts(place: Place) -> None:
    place.weekly(history(), times(2.2))
    [message] = notes(place)
    assert "cases of all units in 2017-w51" in message
    assert not place.judged().doubts["held"].any()


def test_several_new_weeks_are_one_stretch(place: Place) -> None:
    counts = history()
    place.bring(counts.iloc[:, :-4])
    counts.iloc[:, -4:] *= 3
    place.bring(counts)
    [message] = notes(place)
    assert "2017-w48..2017-w51" in message


def test_an_area_that_moves_is_told_where_the_whole_does_not(place: Place) -> None:
    counts = history(units=24)
    place.parents = {unit: "North" if unit < "1004" else "South" for unit in counts.index}
    place.weekly(counts, times(4.0, "1001", "1002", "1003"))
    assert [m for m in notes(place) if "cases of North" in m]
    assert not [m for m in notes(place) if "cases of South" in m]


def test_a_short_past_tells_nothing(place: Place) -> None:
    place.weekly(history(weeks=50), times(10.0))
    assert notes(place) == []


def test_revisions_alone_are_no_new_weeks(place: Place) -> None:
    counts = history()
    place.bring(counts)
    place.bring(counts * 3, days_later=4)
    assert notes(place) == []


def test_units_that_did_not_report_are_neither_counted_nor_expected() -> None:
    counts = np.full((2, 8), 10.0)
    counts[1, -1] = np.nan
    found = shifts(counts, 1, np.ones((1, 2)))
    assert found.total[-1, 0] == found.expected[-1, 0] == 10.0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_of_a_shuffled_table_the_newest_week_ranks_like_any_other(seed: int, weeks: int) -> None:
    """The share of distances as far as the newest is never less than one in all of them."""
    counts = np.random.default_rng(seed).poisson(8, (5, 80)).astype(float)
    away = np.abs(shifts(counts, weeks, np.ones((1, 5))).away[:, 0])
    ranks = [rank(np.append(np.delete(away, at), away[at])) for at in range(len(away))]
    assert sum(r <= 0.1 for r in ranks) <= 0.1 * len(ranks)


def test_the_measure_is_that_of_a_plain_calculation() -> None:
    counts = pd.DataFrame(np.random.default_rng(2).poisson(8, (3, 30)).astype(float))
    found = shifts(counts.to_numpy(), 2, np.ones((1, 3)))
    base = counts.iloc[:, 24:28].mean(axis=1).sum() * 2
    assert np.isclose(found.expected[-1, 0], base)
    assert found.total[-1, 0] == counts.iloc[:, 28:].to_numpy().sum()
    assert len(found.total) == 30 - 4 - 2 + 1
