"""Populations that jump, and more cases than people can have, are held."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.place import Counts, Place, history, people

from pipelines.data.plausible.suspicion import Direction


def year(frame: pd.DataFrame, of: int) -> pd.Series:
    return frame["when"] == of


def brought(place: Place, lie=lambda f: f, first_years: int = 5) -> None:
    """Populations to 2016, then the one of 2017 as `lie` tells it."""
    counts = history()
    frame = people(counts)
    known = frame["when"] < 2012 + first_years
    place.bring(counts.iloc[:, :-1], frame[known])
    place.bring(counts, lie(frame[~known].copy().reset_index(drop=True)))


def rules(place: Place) -> list[str]:
    return [cause.suspicion.rule for cause in place.causes()]


def test_a_population_that_grows_is_not_doubted(place: Place) -> None:
    brought(place)
    assert rules(place) == []


@pytest.mark.parametrize("factor", [10.0, 0.001, 0.1])
def test_a_population_times_ten_or_in_thousands_is_held(place: Place, factor: float) -> None:
    def lie(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[frame["unit_id"] == "1003", "number"] *= factor
        return frame

    brought(place, lie)
    [cause] = place.causes()
    assert cause.suspicion.rule == "population-jump" and cause.suspicion.units == ("1003",)
    assert place.judged().cells.query("unit_id == '1003' and when == 2017")["number"].isna().all()


def test_a_jump_within_a_first_drop_is_held(place: Place) -> None:
    counts = history()
    frame = people(counts)
    frame.loc[(frame["unit_id"] == "1003") & year(frame, 2014), "number"] *= 10
    place.bring(counts, frame)
    [cause] = place.causes()
    assert list(cause.suspicion.cells["when"]) == [2014]


def test_populations_in_the_rows_of_other_units_are_held(place: Place) -> None:
    def lie(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(number=np.roll(frame["number"], 1))

    brought(place, lie)
    assert rules(place) == ["population-shifted"]


def test_two_units_that_swap_their_past_populations_are_held(place: Place) -> None:
    counts = history()
    frame = people(counts)
    close = frame["unit_id"].isin(["1001", "1002"])
    frame.loc[close, "number"] = 50_000 + 100.0 * np.arange(close.sum())
    place.bring(counts, frame)
    swapped = frame.assign(unit_id=frame["unit_id"].replace({"1001": "1002", "1002": "1001"}))
    place.bring(counts, swapped, days_later=5)
    [cause] = place.causes()
    assert cause.suspicion.rule == "figures-of-another-unit"
    assert "1001 has those of 1002" in cause.suspicion.message


def test_figures_in_the_rows_of_other_units_are_held(place: Place) -> None:
    counts = history()
    noise = np.random.default_rng(4)
    figures = pd.concat(
        pd.DataFrame(
            {
                "unit_id": counts.index,
                "kind": "demographic",
                "clean": f"own_{name}",
                "when": 0,
                "number": noise.uniform(5, 60, len(counts)).round(2),
            }
        )
        for name in ("a", "b", "c", "d")
    )
    place.bring(counts, figures)
    rolled = figures.assign(
        number=figures.groupby("clean")["number"].transform(lambda x: np.roll(x, 1))
    )
    place.bring(counts, rolled, days_later=5)
    [cause] = place.causes()
    assert cause.suspicion.rule == "figures-of-another-unit"
    assert len(cause.suspicion.units) == len(counts)


def test_four_thousand_cases_in_a_town_of_a_hundred_thousand_are_held_as_too_high(
    place: Place,
) -> None:
    counts = history()
    frame = people(counts)
    frame.loc[frame["unit_id"] == "1003", "number"] = 100_000.0
    place.bring(counts.iloc[:, :-1], frame)
    raised = counts.copy()
    raised.iloc[2, -1] = 4000.0
    place.bring(raised)
    mine = [c for c in place.causes() if c.suspicion.rule == "more-cases-than-people"]
    assert [c.suspicion.units for c in mine] == [("1003",)]
    assert mine[0].suspicion.direction is Direction.HIGH


def test_a_high_week_of_a_large_town_is_not_more_than_its_people(place: Place) -> None:
    counts = history()
    frame = people(counts)
    frame["number"] = 100_000.0
    place.bring(counts.iloc[:, :-1], frame)
    raised = counts.copy()
    raised.iloc[2, -1] = 2900.0
    place.bring(raised)
    assert "more-cases-than-people" not in rules(place)


def test_where_many_weeks_are_too_high_the_population_is_doubted_not_the_counts(
    place: Place,
) -> None:
    counts: Counts = history()
    frame = people(counts)
    frame.loc[frame["unit_id"] == "1003", "number"] /= 1000
    place.bring(counts, frame)
    [cause] = place.causes()
    assert cause.suspicion.rule == "population-too-small"
    assert set(cause.suspicion.cells["kind"]) == {"population"}
