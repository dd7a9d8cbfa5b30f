"""A declared series by hand: its newest known value, those before it, and none that came later."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.data import availability
from pipelines.data.availability import build_matrices
from pipelines.data.covariates import covariates
from pipelines.data.months import month_end, month_no
from pipelines.data.tables import Tables
from pipelines.weeks import CDC

ORIGIN = CDC.week_no("2018-w20")  # ends 2018-05-19
WEEKS = range(ORIGIN - 30, ORIGIN + 6)
MONTHS = range(month_no(2017, 10), month_no(2018, 8))


def tables_of(weekly_latency: int = 0, monthly_latency: int = 0) -> Tables:
    """One unit; every value is the ordinal of its own week or month."""
    days = {w: CDC.week_end(w) + timedelta(days=weekly_latency) for w in WEEKS}
    months = {m: month_end(m) + timedelta(days=monthly_latency) for m in MONTHS}
    rows = [("humidity_pct", "week", w, float(w), day) for w, day in days.items()]
    rows += [("ocean_index", "month", m, float(m), day) for m, day in months.items()]
    columns = ["name", "step", "period_no", "value", "available_date"]
    series = pd.DataFrame(rows, columns=columns).assign(unit_id="A")
    cases = pd.DataFrame(
        {"unit_id": "A", "week_no": [*WEEKS], "cases": 1.0, "received_date": date(2018, 7, 1)}
    )
    units = pd.DataFrame({"unit_id": ["A"], "name": ["A"], "altitude_m": [812.0]})
    return replace(Tables.empty(), cases=cases, units=units, series=series)


def values_at(tables: Tables, origin: int = ORIGIN) -> dict[str, float]:
    """Declared covariates of the origin."""
    matrices = build_matrices(tables, ("A",), 0, CDC)
    found = covariates(matrices, tables.units, np.array([origin]), 4, ("altitude_m",))
    return {n: float(v[0, 0]) for n, v in found.items() if n.startswith(("humid", "ocean", "alt"))}


def changed(tables: Tables, chosen: pd.Series, value: float) -> Tables:
    series = tables.series.assign(value=tables.series["value"].mask(chosen, value))
    return replace(tables, series=series)


def test_a_weekly_series_gives_its_newest_known_week_and_the_mean_of_four() -> None:
    found = values_at(tables_of())
    assert found["humidity_pct_lag00"] == ORIGIN
    assert found["humidity_pct_mean_lag00_03"] == ORIGIN - 1.5


def test_a_monthly_series_gives_its_newest_known_month_and_the_two_before() -> None:
    found = values_at(tables_of())
    assert [found[f"ocean_index_lag{k}"] for k in (1, 2, 3)] == [
        month_no(2018, m) for m in (4, 3, 2)
    ]


def test_a_latency_moves_what_is_known_back() -> None:
    found = values_at(tables_of(weekly_latency=8, monthly_latency=20))
    assert found["humidity_pct_lag00"] == ORIGIN - 2
    assert found["ocean_index_lag1"] == month_no(2018, 3)  # April came on 20 May, a day too late


def test_a_figure_of_a_unit_is_known_at_every_origin() -> None:
    assert (
        values_at(tables_of())["altitude_m"]
        == values_at(tables_of(), ORIGIN - 20)["altitude_m"]
        == 812.0
    )


def test_a_series_that_stopped_more_than_a_quarter_ago_is_missing_not_stale() -> None:
    tables = tables_of()
    weekly, period = tables.series["step"] == "week", tables.series["period_no"]
    last = np.where(weekly, ORIGIN - 13, month_no(2018, 2))
    stopped = values_at(replace(tables, series=tables.series[period <= last]))
    older = values_at(replace(tables, series=tables.series[period < last]))
    assert stopped["humidity_pct_lag00"] == ORIGIN - 13
    assert stopped["ocean_index_lag1"] == month_no(2018, 2)
    assert all(np.isnan(value) for name, value in older.items() if name != "altitude_m")


def test_a_missing_week_leaves_the_newest_known_one() -> None:
    tables = tables_of()
    gap = (tables.series["step"] == "week") & tables.series["period_no"].between(ORIGIN - 1, ORIGIN)
    found = values_at(replace(tables, series=tables.series[~gap]))
    assert found["humidity_pct_lag00"] == ORIGIN - 2


@pytest.mark.parametrize("origin", range(ORIGIN - 6, ORIGIN + 1))
def test_a_value_that_came_after_the_origin_changes_nothing_at_it(origin: int) -> None:
    tables = tables_of(weekly_latency=8, monthly_latency=20)
    later = pd.to_datetime(tables.series["available_date"]) > pd.Timestamp(CDC.week_end(origin))
    assert later.any()
    assert values_at(changed(tables, later, -1e6), origin) == values_at(tables, origin)


def test_a_week_that_came_later_than_the_next_one_is_no_part_of_the_mean() -> None:
    tables = tables_of()
    late = (tables.series["step"] == "week") & (tables.series["period_no"] == ORIGIN - 2)
    days = tables.series["available_date"].mask(late, CDC.week_end(ORIGIN + 1))
    tables = replace(tables, series=tables.series.assign(available_date=days))
    assert values_at(tables)["humidity_pct_lag00"] == ORIGIN
    assert values_at(tables)["humidity_pct_mean_lag00_03"] == ORIGIN - 4 / 3


def test_a_value_used_a_week_before_it_came_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this the test above could pass on changes that reach no origin."""
    right = availability.known_from_week_no
    monkeypatch.setattr(availability, "known_from_week_no", lambda days, c: right(days, c) - 1)
    tables = tables_of(weekly_latency=8)
    later = pd.to_datetime(tables.series["available_date"]) > pd.Timestamp(CDC.week_end(ORIGIN))
    assert values_at(changed(tables, later, -1e6)) != values_at(tables)


def test_noise_for_a_future_reaches_a_series_after_the_origin_and_not_before() -> None:
    matrices = build_matrices(tables_of(), ("A",), 0, CDC)
    blind = matrices.blinded(ORIGIN, 4, 1)
    for key, own in matrices.series.items():
        known = own.known_from <= ORIGIN
        same = blind.series[key].values == own.values
        assert same[known].all() and not same[~known].any()


def test_tables_keep_a_series_and_write_none_where_there_is_none(tmp_path: Path) -> None:
    tables = tables_of()
    tables.save(tmp_path / "with")
    pd.testing.assert_frame_equal(
        Tables.load(tmp_path / "with").series.sort_values("period_no", ignore_index=True),
        tables.series[["unit_id", *tables.series.columns[:-1]]]
        .astype({"period_no": "int32"})
        .sort_values("period_no", ignore_index=True),
    )
    replace(tables, series=Tables.empty().series).save(tmp_path / "without")
    assert not (tmp_path / "without" / "series.parquet").exists()
    assert Tables.load(tmp_path / "without").series.empty
