"""Honest weeks pass, whatever the size of the table and however they come."""

from __future__ import annotations

import numpy as np
import pytest
from support.place import Place, history

from pipelines.data.plausible.assess import Assessment
from pipelines.data.plausible.suspicion import Outcome


def set_aside(judged: Assessment) -> list[tuple[str, str]]:
    """Drop and rule of every cause that is more than a note."""
    more = (c for c in judged.causes if c.suspicion.outcome is not Outcome.NOTE)
    return [(c.drop, c.suspicion.rule) for c in more]


@pytest.mark.parametrize("units", [1, 5, 45, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("weeks", [1, 4])
def test_honest_newest_weeks_are_not_doubted(place: Place, units: int, weeks: int) -> None:
    place.weekly(history(units), weeks=weeks)
    assert set_aside(place.judged()) == []


@pytest.mark.parametrize("units", [1, 5, 45, pytest.param(300, marks=pytest.mark.slow)])
def test_an_honest_first_drop_is_not_doubted(place: Place, units: int) -> None:
    place.bring(history(units))
    assert set_aside(place.judged()) == []


def test_a_first_drop_of_a_few_weeks_is_not_doubted(place: Place) -> None:
    place.bring(history(12, weeks=3))
    assert set_aside(place.judged()) == []


def test_weeks_that_come_one_file_each_are_not_doubted(place: Place) -> None:
    counts = history(45)
    place.bring(counts.iloc[:, :-3])
    for at in (-3, -2):
        place.bring(counts.iloc[:, at : at + 1])
    place.bring(counts.iloc[:, -1:])
    assert set_aside(place.judged()) == []


def test_a_week_that_comes_late_is_not_doubted(place: Place) -> None:
    counts = history(45)
    place.bring(counts.iloc[:, :-5])
    place.bring(counts.iloc[:, -4:])
    place.bring(counts.iloc[:, -5:-4], days_later=60)
    assert set_aside(place.judged()) == []


def test_ordinary_revisions_of_the_newest_weeks_are_not_doubted(place: Place) -> None:
    """A system whose newest week has 58 % of its cases, and the one before 90 %."""
    counts, noise = history(45), np.random.default_rng(2)
    for end in range(-6, 1):
        brought = counts.iloc[:, : counts.shape[1] + end].copy()
        for age, share in ((1, 0.58), (2, 0.9)):
            brought.iloc[:, -age] = noise.binomial(
                brought.iloc[:, -age].to_numpy(int), share
            ).astype(float)
        place.bring(brought)
    judged = place.judged()
    first = place.drops[0][0].name
    assert [rule for drop, rule in set_aside(judged) if drop != first] == []


def test_a_declared_delay_is_no_incomplete_week(place: Place) -> None:
    counts = history(45)
    counts.iloc[:, -1] = np.floor(counts.iloc[:, -1] * 0.4)
    place.bring(counts)
    assert {"incomplete-week"} <= set(place.found())
    assert set_aside(place.judged(immature_weeks=1)) == []
