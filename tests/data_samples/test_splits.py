"""Forward-in-time folds: cuts, embargo and seasons."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.config import TestYears
from pipelines.data.splits import (
    SEASON_WEEKS,
    deploy_cut,
    fold_cut,
    inner_seasons,
    judged_years,
    test_year_targets,
)
from pipelines.errors import ConfigError
from pipelines.weeks import CDC, ISO, Calendar

weeks = st.integers(CDC.week_no("2009-w01"), CDC.week_no("2018-w52"))
horizons, delays = st.integers(0, 12), st.integers(0, 12)


def newest_known(origin: int, horizon: int, delay: int) -> int:
    """Newest week whose cases are known at an origin, from the contract's words."""
    return min(origin - delay, origin - 1) if horizon == 0 else origin - delay


@given(weeks, horizons, delays)
def test_no_training_target_is_newer_than_what_the_first_judged_origin_knows(
    first_target: int, horizon: int, delay: int
) -> None:
    known = newest_known(first_target - horizon, horizon, delay)
    assert fold_cut(first_target, horizon, delay) <= known


@given(weeks, horizons, delays)
def test_the_embargo_throws_no_known_week_away(first_target: int, horizon: int, delay: int) -> None:
    assert fold_cut(first_target, horizon, delay) == newest_known(
        first_target - horizon, horizon, delay
    )


@given(st.integers(2009, 2018))
def test_test_years_follow_one_another_without_gap_or_overlap(year: int) -> None:
    assert test_year_targets(year, CDC)[-1] + 1 == test_year_targets(year + 1, CDC)[0]
    assert {CDC.week_label(w)[:4] for w in test_year_targets(year, CDC)} == {str(year)}


def test_a_year_with_week_53_has_53_targets() -> None:
    assert [len(test_year_targets(year, CDC)) for year in (2013, 2014)] == [52, 53]


@given(weeks, st.integers(1, 6), horizons, delays)
def test_seasons_are_whole_lie_before_the_cut_and_never_overlap(
    cut: int, count: int, horizon: int, delay: int
) -> None:
    seasons = inner_seasons(cut, count, horizon, delay)
    assert len(seasons) == count
    assert seasons[-1].last_target_week_no == cut
    assert all(s.last_target_week_no - s.first_target_week_no + 1 == SEASON_WEEKS for s in seasons)
    for older, newer in pairwise(seasons):
        assert older.last_target_week_no + 1 == newer.first_target_week_no


@given(weeks, st.integers(1, 6), horizons, delays)
def test_every_season_has_its_own_embargo(cut: int, count: int, horizon: int, delay: int) -> None:
    for season in inner_seasons(cut, count, horizon, delay):
        known = newest_known(season.first_target_week_no - horizon, horizon, delay)
        assert season.train_until_week_no <= known < season.first_target_week_no


def test_the_deployed_model_learns_from_the_newest_known_week() -> None:
    assert deploy_cut(CDC.week_no("2018-w48"), 1) == CDC.week_no("2018-w47")


def test_asking_for_no_season_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        inner_seasons(CDC.week_no("2018-w48"), 0, 4, 0)


# --- Test years of a place ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("calendar", "newest_week", "newest_year"),
    [
        (CDC, "2026-w46", 2025),
        (CDC, "2025-w53", 2025),
        (CDC, "2025-w52", 2024),
        (ISO, "2025-w52", 2025),
        (ISO, "2025-w51", 2024),
    ],
)
def test_the_running_year_is_never_judged_and_the_newest_complete_ones_are(
    calendar: Calendar, newest_week: str, newest_year: int
) -> None:
    first, newest = calendar.week_no("2019-w01"), calendar.week_no(newest_week)
    years = judged_years(TestYears(last=3), first, newest, calendar)
    assert years == (newest_year - 2, newest_year - 1, newest_year)


def test_years_shrink_to_what_leaves_a_year_of_training() -> None:
    years = judged_years(TestYears(last=5), CDC.week_no("2020-w01"), CDC.week_no("2022-w52"), CDC)
    assert years == (2021, 2022) == judged_years((2022, 2021), 0, 0, CDC)
    assert judged_years(TestYears(), CDC.week_no("2020-w01"), CDC.week_no("2020-w52"), CDC) == ()


def test_years_that_are_held_back_are_the_newest() -> None:
    wanted = TestYears(last=2, hold_back=1)
    assert judged_years(wanted, CDC.week_no("2010-w01"), CDC.week_no("2019-w52"), CDC) == (
        2017,
        2018,
    )
