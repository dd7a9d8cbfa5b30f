"""Series under a place's own names are judged by their own past."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.place import CDC, Counts, Place, history


def humidity(counts: Counts, kind: str = "weekly") -> pd.DataFrame:
    """Percent, with a season and noise."""
    noise = np.random.default_rng(8)
    when = np.array(counts.columns) if kind == "weekly" else np.arange(2012 * 12, 2018 * 12)
    turn = 52 if kind == "weekly" else 12
    values = 75 + 5 * np.sin(2 * np.pi * when / turn) + noise.normal(0, 3, (len(counts), len(when)))
    long = pd.DataFrame(values, index=counts.index, columns=when).stack().rename("number")
    frame = long.reset_index()
    frame.columns = ["unit_id", "when", "number"]
    return frame.assign(kind=kind, clean="humidity_pct")


def brought(place: Place, kind: str, lie) -> None:
    counts = history()
    frame = humidity(counts, kind)
    new = frame["when"] == frame["when"].max()
    place.bring(counts.iloc[:, :-1], frame[~new])
    place.bring(counts, lie(frame[new].copy()))


def multiplied(factor: float, *units: str):
    def lie(frame: pd.DataFrame) -> pd.DataFrame:
        at = frame["unit_id"].isin(units) if units else np.ones(len(frame), dtype=bool)
        frame.loc[at, "number"] *= factor
        return frame

    return lie


@pytest.mark.parametrize("kind", ["weekly", "monthly"])
def test_an_honest_value_is_not_doubted(place: Place, kind: str) -> None:
    brought(place, kind, multiplied(1.0))
    assert place.causes() == []


@pytest.mark.parametrize("kind", ["weekly", "monthly"])
def test_a_value_in_another_unit_of_measure_is_held(place: Place, kind: str) -> None:
    brought(place, kind, multiplied(0.01, "1004"))
    [cause] = place.causes()
    assert cause.suspicion.rule == "series-jump" and cause.suspicion.units == ("1004",)
    when = cause.suspicion.cells["when"].iloc[0]
    week = CDC.week_label(when) if kind == "weekly" else "2017-12"
    assert "humidity_pct in 1 unit: " in cause.suspicion.message and week in cause.suspicion.message


def test_where_all_units_move_far_together_each_is_held(place: Place) -> None:
    """A third less is 8 of its own deviations and no more: of one unit it would pass."""
    brought(place, "weekly", multiplied(0.6))
    [cause] = place.causes()
    assert len(cause.suspicion.units) == 12
    alone = Place(place.root / "alone")
    brought(alone, "weekly", multiplied(0.6, "1004"))
    assert alone.causes() == []
