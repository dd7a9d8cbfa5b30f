"""Covariates against formulas written out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.availability import build_matrices
from pipelines.data.covariates import (
    LAGS,
    case_covariates,
    covariate_array,
    partial_mean,
    season_covariates,
)
from pipelines.data.tables import Tables
from pipelines.weeks import CDC

ORIGIN = CDC.week_no("2016-w20")  # ends 2016-05-21; April is the newest known month


def covariates_of(tables: Tables, origin: int, horizon: int, delay: int = 0) -> dict[str, float]:
    matrices = build_matrices(tables, ("05001",), delay, CDC)
    values = covariate_array(matrices, tables.units, np.array([origin]), horizon)[0, 0]
    return dict(zip(COVARIATE_NAMES, values, strict=True))


def cases_at(tables: Tables, *weeks: int) -> float:
    own = tables.cases[tables.cases["unit_id"] == "05001"].set_index("week_no")["cases"]
    return float(own.loc[list(weeks)].mean())


def test_there_is_one_value_for_every_contracted_covariate_and_all_are_known(
    ten_tables: Tables,
) -> None:
    assert np.isfinite(list(covariates_of(ten_tables, ORIGIN, 4).values())).all()


@pytest.mark.parametrize(
    ("horizon", "delay", "newest"), [(4, 0, 0), (4, 2, 2), (0, 0, 1), (0, 3, 3)]
)
def test_lag_0_is_the_newest_known_week(
    ten_tables: Tables, horizon: int, delay: int, newest: int
) -> None:
    got = covariates_of(ten_tables, ORIGIN, horizon, delay)
    for k in range(4):
        want = np.log1p(cases_at(ten_tables, ORIGIN - newest - k))
        assert got[f"log1p_cases_lag{k:02d}"] == pytest.approx(want)


def test_longer_memories_are_means_of_their_weeks(ten_tables: Tables) -> None:
    got = covariates_of(ten_tables, ORIGIN, 4)
    for name, first, last in (("04_07", 4, 7), ("08_11", 8, 11), ("00_51", 0, 51)):
        weeks = [ORIGIN - k for k in range(first, last + 1)]
        assert got[f"log1p_cases_mean_lag{name}"] == pytest.approx(
            np.log1p(cases_at(ten_tables, *weeks))
        )


def test_last_year_is_the_target_week_52_weeks_before(ten_tables: Tables) -> None:
    got = covariates_of(ten_tables, ORIGIN, 8)["log1p_cases_last_year"]
    weeks = [ORIGIN + 8 - back for back in (51, 52, 53)]
    assert got == pytest.approx(np.log1p(cases_at(ten_tables, *weeks)))


def test_season_goes_round_once_in_a_year_of_53_weeks_too() -> None:
    for year, length in ((2013, 52), (2014, 53)):
        weeks = np.arange(CDC.week_no(f"{year}-w01"), CDC.week_no(f"{year}-w{length}") + 1)
        angle = 2 * np.pi * np.arange(1, length + 1) / length
        np.testing.assert_allclose(
            season_covariates(weeks, CDC)["season_sin2"], np.sin(2 * angle), atol=1e-12
        )


def test_climate_lag_1_is_the_newest_month_that_has_ended(ten_tables: Tables) -> None:
    got = covariates_of(ten_tables, ORIGIN, 4)
    own = ten_tables.climate.query("unit_id == '05001' and year == 2016").set_index("month")
    for lag, month in ((1, 4), (2, 3), (3, 2)):
        assert got[f"temp_mean_c_lag{lag}"] == pytest.approx(own.loc[month, "temp_mean_c"])
        assert got[f"log1p_rainfall_mm_lag{lag}"] == pytest.approx(
            np.log1p(own.loc[month, "rainfall_mm"])
        )


def test_climate_with_a_latency_is_known_a_month_later(ten_tables: Tables) -> None:
    late = ten_tables.climate.assign(
        available_date=[d + pd.Timedelta(days=40) for d in ten_tables.climate["available_date"]]
    )
    got = covariates_of(replace(ten_tables, climate=late), ORIGIN, 4)["temp_mean_c_lag1"]
    own = ten_tables.climate.query("unit_id == '05001' and year == 2016").set_index("month")
    assert got == pytest.approx(own.loc[3, "temp_mean_c"])


def test_climate_that_stopped_long_ago_is_missing_not_stale(ten_tables: Tables) -> None:
    old = ten_tables.climate[ten_tables.climate["year"] < 2016]
    got = covariates_of(replace(ten_tables, climate=old), ORIGIN, 4)
    assert all(np.isnan(got[f"temp_mean_c_lag{k}"]) for k in (1, 2, 3))


def test_population_is_the_newest_year_not_after_the_origin(ten_tables: Tables) -> None:
    own = ten_tables.units.set_index("unit_id").loc["05001"]
    got = covariates_of(ten_tables, ORIGIN, 12)["log10_population"]
    assert got == pytest.approx(np.log10(own["population_2016"]))
    older = ten_tables.units.drop(columns=[f"population_{y}" for y in range(2014, 2020)])
    got = covariates_of(replace(ten_tables, units=older), ORIGIN, 12)["log10_population"]
    assert got == pytest.approx(np.log10(own["population_2013"]))


def test_the_week_53_that_the_table_lacks_is_missing_not_zero(ten_tables: Tables) -> None:
    got = covariates_of(ten_tables, CDC.week_no("2014-w53"), 4)
    assert np.isnan(got["log1p_cases_lag00"])
    assert np.isfinite(got["log1p_cases_lag01"])
    assert np.isfinite(got["log1p_cases_mean_lag00_51"])


def test_a_mean_needs_half_of_its_weeks() -> None:
    gap = np.nan
    got = partial_mean(np.array([[1.0, gap, 3.0, gap], [1.0, gap, gap, gap], [gap] * 4]))
    np.testing.assert_array_equal(got, [2.0, np.nan, np.nan])


def test_one_row_of_lags_gives_what_the_matrices_give(ten_tables: Tables) -> None:
    """Serving computes covariates from a list of recent cases."""
    lags = np.array([cases_at(ten_tables, ORIGIN - k) for k in range(LAGS)])
    got = covariates_of(ten_tables, ORIGIN, 4)
    for name, value in case_covariates(lags).items():
        assert got[name] == pytest.approx(float(value)), name


def test_a_municipality_without_climate_has_it_missing(real_tables: Tables) -> None:
    """47570 Puebloviejo has no climate in the real table."""
    matrices = build_matrices(real_tables, ("47570",), 0, CDC)
    values = covariate_array(matrices, real_tables.units, np.array([ORIGIN]), 4)[0, 0]
    got = dict(zip(COVARIATE_NAMES, values, strict=True))
    assert np.isnan(got["temp_mean_c_lag1"])
    assert np.isfinite(got["log1p_cases_lag00"])


def test_the_newest_vintage_is_read(ten_tables: Tables) -> None:
    week = ten_tables.cases["week_no"] == ORIGIN
    revised = ten_tables.cases[week].assign(cases=4321.0, received_date=date(2020, 1, 1))
    both = replace(ten_tables, cases=pd.concat([revised, ten_tables.cases], ignore_index=True))
    assert covariates_of(both, ORIGIN, 4)["log1p_cases_lag00"] == pytest.approx(np.log1p(4321.0))


def test_a_month_published_after_its_successor_is_missing_until_then(ten_tables: Tables) -> None:
    march = (ten_tables.climate["year"] == 2016) & (ten_tables.climate["month"] == 3)
    late = ten_tables.climate["available_date"].mask(march, date(2016, 5, 22))
    tables = replace(ten_tables, climate=ten_tables.climate.assign(available_date=late))
    before, after = (covariates_of(tables, origin, 4) for origin in (ORIGIN, ORIGIN + 1))
    assert np.isnan(before["temp_mean_c_lag2"])
    assert np.isfinite([before["temp_mean_c_lag1"], after["temp_mean_c_lag2"]]).all()


@pytest.mark.parametrize(
    ("horizon", "known"), [(0, [True, False, False]), (4, [True, True, False])]
)
def test_asked_for_any_week_only_known_ones_are_given(
    ten_tables: Tables, horizon: int, known: list[bool]
) -> None:
    matrices = build_matrices(ten_tables, ("05001",), 0, CDC)
    weeks = np.array([[ORIGIN - 1, ORIGIN, ORIGIN + 1]])
    got = matrices.known_cases(weeks, np.array([[ORIGIN]]), horizon)[0, 0]
    assert list(np.isfinite(got)) == known
