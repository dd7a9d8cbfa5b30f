"""Who is refused and why, floors, week 53, holes in the counts, rates by year."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.rule_worlds import season_of, tables_of

from pipelines.data.labels import compute_thresholds, outbreak_rates
from pipelines.data.tables import Tables
from pipelines.label_config import LabelConfig
from pipelines.weeks import CDC, ISO


def _table(tables: Tables, rule: dict[str, Any], least: int = 10, **options: Any) -> pd.DataFrame:
    labels = LabelConfig.model_validate({"rule": rule, "min_reference_cases": least})
    return compute_thresholds(tables, labels, CDC, **options)


def _of(table: pd.DataFrame, unit: str, year: int) -> pd.DataFrame:
    return table[(table["unit_id"] == unit) & (table["origin_year"] == year)]


def test_a_year_counts_if_half_of_its_weeks_are_known() -> None:
    first = CDC.week_no("2015-w01")
    tables = tables_of(
        {
            "a": lambda w: np.nan if w < first + 25 else 4.0,
            "b": lambda w: np.nan if w < first + 30 else 4.0,
        },
        "2015-w01",
        "2018-w10",
    )
    table = _table(tables, {"kind": "rolling_quantile", "years": 3})
    assert _of(table, "a", 2017)["reference_weeks"].tolist() == [27 + 52]
    assert _of(table, "b", 2017)["reference_weeks"].tolist() == [52]
    assert (
        _of(table, "b", 2017)["refused_reason"].item()
        == "fewer than 2 years with counts of half their weeks in the years before"
    )
    assert _of(table, "b", 2018)["refused_reason"].item() is None
    assert table["in_pool"].all(), "a unit is in the pool by any of its years"


def test_a_floor_makes_a_rare_unit_judgeable() -> None:
    rare = {"rare": lambda week: 5.0 if week % 13 == 0 else 0.0}
    rule = {"kind": "rolling_quantile", "years": 2}
    without = _of(_table(tables_of(rare), rule), "rare", 2018)
    assert without["refused_reason"].item() == "threshold of the reference range is 0"
    with_floor = _of(_table(tables_of(rare), {**rule, "floor_cases": 3}), "rare", 2018)
    assert (with_floor["threshold_cases"].item(), with_floor["refused_reason"].item()) == (
        3.0,
        None,
    )
    higher = _of(
        _table(tables_of({"rare": lambda _: 8.0}), {**rule, "floor_cases": 3}), "rare", 2018
    )
    assert higher["threshold_cases"].item() == 8.0


def test_no_case_at_all_is_no_reference_unless_none_is_asked_for() -> None:
    tables = tables_of({"none": lambda _: 0.0, "some": lambda _: 9.0})
    rule = {"kind": "rolling_quantile", "floor_cases": 2}
    assert not _of(_table(tables, rule), "none", 2018)["in_pool"].item()
    assert _of(_table(tables, rule, least=0), "none", 2018)["in_pool"].item()


def test_a_unit_without_population_is_refused_with_that_reason() -> None:
    tables = tables_of({"a": lambda _: 3.0, "b": lambda _: 3.0}, population_2016=[np.nan, 50_000.0])
    table = _table(tables, {"kind": "incidence", "per_100k": 20})
    assert "no population is known" in _of(table, "a", 2018)["refused_reason"].item()
    assert _of(table, "b", 2018)["threshold_cases"].item() == 10.0
    assert _of(table, "b", 2014)["threshold_cases"].item() == 10.0, "the first census holds before"
    no_column = _table(tables_of({"a": lambda _: 3.0}), {"kind": "incidence", "per_100k": 20})
    assert not no_column["in_pool"].any()


def test_week_53_shares_the_place_of_week_52_and_the_year_is_a_ring() -> None:
    by_season = {52: 100.0, 1: 40.0, 51: 20.0, 2: 8.0}
    week_53 = CDC.week_no("2014-w53")
    tables = tables_of(
        {"a": lambda w: 300.0 if w == week_53 else by_season.get(season_of(w), 1.0)},
        "2013-w01",
        "2018-w10",
    )
    rule = {
        "kind": "endemic_channel",
        "reference": [2013, 2014],
        "half_window_weeks": 1,
        "centre": "mean_sd",
        "k": 0,
    }
    table = _table(tables, rule).set_index("season_week")["threshold_cases"]
    assert len(table) == 52
    assert table[52] == pytest.approx(np.mean([20, 100, 40, 20, 100, 300, 40]))
    assert table[1] == pytest.approx(np.mean([100, 40, 8, 100, 300, 40, 8]))


def test_a_fixed_channel_holds_for_every_origin_and_waits_for_its_end() -> None:
    from pipelines.errors import ConfigError

    tables = tables_of({"a": lambda w: float(season_of(w))})
    rule = {"kind": "endemic_channel", "reference": [2014, 2016], "half_window_weeks": 0}
    table = _table(tables, rule, as_of_week_no=CDC.week_no("2016-w52"))
    assert table["origin_year"].isna().all()
    assert table["threshold_cases"].tolist() == [float(week) for week in range(1, 53)]
    with pytest.raises(
        ConfigError, match=r"2016-w40 .* 2014-w01\.\.2016-w52 of label rule channel"
    ):
        _table(tables, rule, as_of_week_no=CDC.week_no("2016-w40"))


def test_a_season_without_usual_cases_has_no_threshold_but_the_others_do() -> None:
    tables = tables_of({"a": lambda w: 6.0 if 20 <= season_of(w) <= 40 else 0.0})
    own = _of(_table(tables, {"kind": "endemic_channel", "half_window_weeks": 0}), "a", 2018)
    assert own["refused_reason"].isna().sum() == 21
    assert set(own["refused_reason"].dropna()) == {"threshold of this season is 0"}
    assert own["in_pool"].all()


def test_units_without_any_count_are_listed_with_their_reason() -> None:
    tables = tables_of({"a": lambda _: 3.0})
    units = pd.concat([tables.units, tables.units.assign(unit_id="b")], ignore_index=True)
    for kind in ("rolling_quantile", "endemic_channel"):
        table = _table(replace(tables, units=units), {"kind": kind})
        assert _of(table, "b", 2018)["refused_reason"].tolist() == [
            "no known cases in the years before"
        ]


def test_a_table_without_counts_gives_no_threshold() -> None:
    assert _table(Tables.empty(), {"kind": "rolling_quantile"}).empty


def test_outbreak_rates_are_by_the_target_s_year() -> None:
    weeks = [ISO.week_no(w) for w in ("2020-w53", "2021-w01", "2021-w02", "2021-w03")]
    rows = pd.DataFrame({"target_week_no": weeks, "label": [1.0, 1.0, 0.0, np.nan]})
    assert outbreak_rates(rows, ISO) == {2020: 1.0, 2021: 0.5}
    assert outbreak_rates(rows.iloc[3:], ISO) == {}
