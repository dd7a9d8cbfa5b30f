"""Climate is judged by the same place's own past, for the same months."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.place import YEARS, Place, climate, history

FIRST_MONTH, LAST_MONTH = 2012 * 12, 2012 * 12 + 12 * YEARS - 1
Frame = pd.DataFrame


def monthly(place: Place, lie=lambda f: f, months: int = 1, wet: float = 120.0) -> None:
    """Climate without its newest months in a first drop, then these as `lie` tells them."""
    counts = history()
    frame = climate(counts, wet=wet)
    new = frame["when"] > LAST_MONTH - months
    place.bring(counts.iloc[:, :-1], frame[~new])
    place.bring(counts, lie(frame[new].copy().reset_index(drop=True)))


def changed(kind: str, change, *units: str):
    """A lie about one kind, of some units or of all."""

    def lie(frame: Frame) -> Frame:
        at = frame["kind"] == kind
        at &= frame["unit_id"].isin(units) if units else True
        frame.loc[at, "number"] = change(frame.loc[at, "number"])
        return frame

    return lie


def rules(place: Place) -> list[str]:
    return [cause.suspicion.rule for cause in place.causes()]


def test_an_honest_month_is_not_doubted(place: Place) -> None:
    monthly(place)
    assert rules(place) == []


@pytest.mark.parametrize(
    ("name", "factor"), [("metres", 1e-3), ("inches", 1 / 25.4), ("centimetres", 0.1)]
)
def test_a_month_of_rain_in_another_unit_is_held_and_the_unit_named(
    place: Place, name: str, factor: float
) -> None:
    monthly(place, changed("rain", lambda mm: mm * factor))
    [cause] = place.causes()
    assert cause.suspicion.rule == "rain-unit" and f"fits as {name}" in cause.suspicion.message
    assert len(cause.suspicion.cells) == 12


def test_a_dry_month_everywhere_is_told_and_is_no_unit_error(place: Place) -> None:
    """A drought spares some and takes nearly all from others: no factor explains it."""
    drought = np.random.default_rng(1).uniform(0.0, 0.25, 12) ** 2
    monthly(place, changed("rain", lambda mm: mm * drought))
    outcomes = {c.suspicion.rule: c.suspicion.outcome.value for c in place.causes()}
    assert outcomes == {"rain-unusual": "note"}


def test_a_dry_season_everywhere_is_no_unit_error(place: Place) -> None:
    monthly(place, changed("rain", lambda mm: mm * 0.2), wet=4.0)
    assert rules(place) == []


def test_rain_of_one_unit_in_metres_is_held(place: Place) -> None:
    monthly(place, changed("rain", lambda mm: mm * 1e-3, "1004"), wet=250.0)
    [cause] = place.causes()
    assert cause.suspicion.rule == "rain-jump" and cause.suspicion.units == ("1004",)
    assert "they would fit as metres" in cause.suspicion.message


def test_half_a_year_of_one_unit_in_centimetres_is_held(place: Place) -> None:
    monthly(place, changed("rain", lambda mm: mm * 0.1, "1004"), months=12)
    assert [(c.suspicion.rule, c.suspicion.units) for c in place.causes()] == [
        ("rain-unit", ("1004",))
    ]


@pytest.mark.parametrize("honest", [False, True])
def test_the_fourth_month_in_centimetres_is_held_as_are_later_ones_and_an_honest_one_is_not(
    place: Place, honest: bool
) -> None:
    counts = history()
    frame = climate(counts)
    change = changed("rain", lambda mm: mm * 0.1, "1004")
    for month in range(5, -1, -1):
        new = frame["when"] == LAST_MONTH - month
        if month == 5:
            place.bring(counts.iloc[:, :-6], frame[frame["when"] < LAST_MONTH - 5])
        brought = frame[new].copy()
        brought = brought if honest and month == 0 else change(brought)
        place.bring(counts.iloc[:, : len(counts.columns) - month], brought)
    held = place.judged().doubts.query("rule == 'rain-unit'")["when"].tolist()
    months = [LAST_MONTH - 2, LAST_MONTH - 1, LAST_MONTH]
    assert held == (months[:-1] if honest else months)


@pytest.mark.parametrize(
    ("change", "name"), [(lambda c: c * 0.1, ""), (lambda c: c + 20.0, ""), (lambda c: c - 8.0, "")]
)
def test_a_temperature_that_jumps_is_held(place: Place, change, name: str) -> None:
    monthly(place, changed("temp", change, "1004"))
    [cause] = place.causes()
    assert cause.suspicion.rule == "temperature-jump" and cause.suspicion.units == ("1004",)


def test_a_cool_place_in_fahrenheit_is_named_so(place: Place) -> None:
    counts = history()
    frame = climate(counts)
    cool = frame["kind"] == "temp"
    frame.loc[cool, "number"] -= 15.0
    new = frame["when"] == LAST_MONTH
    place.bring(counts.iloc[:, :-1], frame[~new])
    place.bring(counts, changed("temp", lambda c: c * 1.8 + 32)(frame[new].copy()))
    [cause] = place.causes()
    assert "they would fit as Fahrenheit" in cause.suspicion.message


def test_a_warm_year_is_not_doubted(place: Place) -> None:
    monthly(place, changed("temp", lambda c: c + 1.5), months=12)
    assert rules(place) == []


def test_a_place_of_three_years_is_judged_and_one_of_two_is_not(place: Place) -> None:
    counts = history()
    frame = climate(counts, range(2015 * 12, 2018 * 12 + 1))
    short = frame["unit_id"] == "1004"
    frame = frame[~short | (frame["when"] >= 2016 * 12)]
    new = frame["when"] == 2018 * 12
    place.bring(counts.iloc[:, :-1], frame[~new])
    place.bring(counts, changed("temp", lambda c: c + 9.0, "1004", "1005")(frame[new].copy()))
    [cause] = place.causes()
    assert cause.suspicion.units == ("1005",)


def test_climate_of_two_units_that_is_swapped_is_held(place: Place) -> None:
    counts = history()
    frame = climate(counts)
    place.bring(counts, frame)
    other = {"1001": "1002", "1002": "1001"}
    place.bring(counts, frame.assign(unit_id=frame["unit_id"].replace(other)), days_later=5)
    mine = [c for c in place.causes() if c.suspicion.rule == "figures-of-another-unit"]
    assert [c.suspicion.units for c in mine] == [("1001", "1002")] * 2
    assert "1001 has those of 1002" in mine[0].suspicion.message


def test_a_corrected_product_of_climate_is_not_doubted(place: Place) -> None:
    counts = history()
    frame = climate(counts)
    place.bring(counts, frame)
    better = frame.assign(number=frame["number"] * 1.03 + 0.2)
    place.bring(counts, better, days_later=5)
    assert rules(place) == []


@pytest.mark.parametrize(("factor", "noted"), [(1.0, False), (0.04, True)])
def test_a_first_drop_of_little_rain_is_told_and_counts(
    place: Place, factor: float, noted: bool
) -> None:
    counts = history()
    place.bring(counts, changed("rain", lambda mm: mm * factor)(climate(counts)))
    assert rules(place) == (["climate-unit-unsure"] if noted else [])
    assert not place.judged().doubts["held"].any()


def test_one_month_of_a_first_drop_is_judged_by_its_other_years(place: Place) -> None:
    counts = history()
    frame = climate(counts)
    at = (frame["kind"] == "temp") & (frame["unit_id"] == "1004") & (frame["when"] == 2014 * 12)
    frame.loc[at, "number"] = 2.4
    place.bring(counts, frame)
    [cause] = place.causes()
    assert list(cause.suspicion.cells["when"]) == [2014 * 12]


def test_no_rain_at_all_in_one_place_of_a_dry_month_is_not_doubted(place: Place) -> None:
    drought = np.full(12, 0.25)
    drought[3] = 0.0
    monthly(place, changed("rain", lambda mm: mm * drought))
    assert rules(place) == []
