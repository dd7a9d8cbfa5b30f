"""A first drop whose counts stand beside other units' populations is stopped; an honest
one is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.lies.newest_week import neighbours
from support.place import Counts, Place, history, people

WEEKS = 60
RULE = "first-rows-shifted"


def populations(counts: Counts) -> pd.DataFrame:
    """As many persons as cases let one expect, but for a factor of chance."""
    out = people(counts)
    noise = np.random.default_rng(9).lognormal(0, 0.5, len(counts))
    size = counts.mean(axis=1) * 2000 * noise
    return out.assign(number=out["unit_id"].map(size.round()))


@pytest.mark.parametrize("rows", [1, 2])
def test_a_first_drop_with_the_neighbours_histories_is_stopped(place: Place, rows: int) -> None:
    counts = history(60, weeks=WEEKS)
    others = populations(counts)
    for _ in range(rows):
        counts = neighbours(counts, WEEKS)
    place.bring(counts, others)
    assert place.found()[RULE].outcome == "stop"


def test_an_honest_first_drop_with_populations_is_not_doubted(place: Place) -> None:
    counts = history(60, weeks=WEEKS)
    place.bring(counts, populations(counts))
    assert place.found() == {}


def test_a_few_units_say_nothing_about_their_rows(place: Place) -> None:
    counts = history(12, weeks=WEEKS)
    place.bring(neighbours(counts.copy(), WEEKS), populations(counts))
    assert RULE not in place.found()
