"""Weeks that contradict the provider's own totals of years are doubted."""

from __future__ import annotations

import numpy as np
import pandas as pd
from support.place import CDC, Counts, Place, history

from pipelines.data.plausible.suspicion import Direction


def totals(counts: Counts, year: int = 2016) -> pd.DataFrame:
    weeks = [w for w in counts.columns if CDC.epi_year(w) == year]
    return pd.DataFrame(
        {"unit_id": counts.index, "year": year, "total": counts[weeks].sum(axis=1).to_numpy()}
    )


def deliver(place: Place, counts: Counts, lie) -> None:
    drop = place.bring(lie(counts.copy()))
    place.yearly[drop.name] = totals(counts)


def columns(counts: Counts, year: int = 2016) -> list[int]:
    return [at for at, w in enumerate(counts.columns) if CDC.epi_year(w) == year]


def test_weeks_that_add_up_to_their_total_are_not_doubted(place: Place) -> None:
    deliver(place, history(), lambda c: c)
    assert place.causes() == []


def test_a_year_of_cumulative_counts_is_held_as_too_high(place: Place) -> None:
    counts = history()

    def lie(c: Counts) -> Counts:
        c.iloc[3, columns(c)] = np.cumsum(c.iloc[3, columns(c)])
        return c

    deliver(place, counts, lie)
    [cause] = [c for c in place.causes() if c.suspicion.rule == "yearly-total"]
    assert cause.suspicion.units == ("1004",)
    assert cause.suspicion.direction is Direction.HIGH and len(cause.suspicion.cells) == 52


def test_a_year_with_half_of_its_cases_is_held_as_unreported(place: Place) -> None:
    counts = history()

    def lie(c: Counts) -> Counts:
        c.iloc[3, columns(c)] = np.floor(c.iloc[3, columns(c)] / 2)
        return c

    deliver(place, counts, lie)
    [cause] = place.causes()
    assert cause.suspicion.direction is Direction.MISSING


def test_of_a_contradiction_that_a_later_drop_makes_only_its_own_weeks_are_held(
    place: Place,
) -> None:
    counts = history()
    deliver(place, counts, lambda c: c)

    def lie(c: Counts) -> Counts:
        c.iloc[3, columns(c)[10]] += 5
        return c

    drop = place.bring(lie(counts.copy()), days_later=4)
    place.yearly[drop.name] = totals(counts)
    [cause] = place.causes()
    assert len(cause.suspicion.cells) == 1


def test_a_year_with_an_unknown_week_contradicts_nothing(place: Place) -> None:
    def lie(c: Counts) -> Counts:
        c.iloc[3, columns(c)[10]] = np.nan
        return c

    deliver(place, history(), lie)
    assert place.causes() == []
