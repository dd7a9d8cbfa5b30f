"""Climate that was accepted and comes again as other values waits; small corrections pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from support.place import Place, climate, history

MONTHS = 12
Frame = pd.DataFrame


def again(place: Place, change: Callable[[Frame], pd.Series], kind: str) -> dict[str, int]:
    """Rule -> cells, of a drop that tells the last year of a kind anew."""
    counts = history()
    frame = climate(counts)
    frame = frame.assign(number=frame["number"] * np.pi / 3)  # as many digits as a product has
    place.bring(counts.iloc[:, :-1], frame)
    at = (frame["kind"] == kind) & (frame["when"] > frame["when"].max() - MONTHS)
    changed = frame.assign(number=frame["number"].where(~at, change(frame)))
    place.bring(counts, changed)
    return {rule: len(one.cells) for rule, one in place.found().items()}


def a_year_before(frame: Frame) -> pd.Series:
    keys = ["unit_id", "kind", "when"]
    past = frame.assign(when=frame["when"] + 12).set_index(keys)["number"]
    return pd.Series(past.reindex(pd.MultiIndex.from_frame(frame[keys])).to_numpy(), frame.index)


def test_rain_that_turns_into_zeros_keeps_what_was_accepted(place: Place) -> None:
    found = again(place, lambda f: f["number"] * 0, "rain")
    assert found["figures-reissued"] >= 9 * 12


@pytest.mark.parametrize("kind", ["temp", "rain"])
def test_climate_of_the_year_before_is_held(place: Place, kind: str) -> None:
    assert again(place, a_year_before, kind)["figures-of-another-unit"] == MONTHS * 12


def of_the_row_above(frame: Frame) -> pd.Series:
    by_month = frame.groupby(["kind", "when"])["number"]
    return by_month.transform(lambda numbers: np.roll(numbers, 1)).round(3)


def test_climate_of_the_row_above_in_fewer_digits_is_held(place: Place) -> None:
    assert again(place, of_the_row_above, "temp")["figures-of-another-unit"] >= MONTHS * 11


@pytest.mark.parametrize("kind", ["temp", "rain"])
def test_a_product_that_is_corrected_a_little_is_not_doubted(place: Place, kind: str) -> None:
    noise = np.random.default_rng(4)
    assert again(place, lambda f: f["number"] * noise.normal(1, 0.01, len(f)), kind) == {}
