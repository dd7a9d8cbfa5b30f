"""The label rule on the real table and on small ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines.config import load_profile
from pipelines.data.labels import (
    THRESHOLD_COLUMNS,
    compute_thresholds,
    label_of,
)
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.data.tables import Tables
from pipelines.errors import ConfigError
from pipelines.label_config import LabelConfig
from pipelines.weeks import CDC


def rule(min_reference_cases: int) -> LabelConfig:
    """The sample's rule, median_2016_2017."""
    return load_profile("sample").labels.model_copy(
        update={"min_reference_cases": min_reference_cases}
    )


def table_of(*series: tuple[str, list[float]]) -> Tables:
    """Municipalities with these cases from 2016-w01 on."""
    first = CDC.week_no("2016-w01")
    rows = [
        (unit, first + i, cases, date(2018, 1, 2))
        for unit, values in series
        for i, cases in enumerate(values)
    ]
    cases = pd.DataFrame(rows, columns=["unit_id", "week_no", "cases", "received_date"])
    units = pd.DataFrame({"unit_id": [u for u, _ in series], "name": [u for u, _ in series]})
    return replace(Tables.empty(), cases=cases, units=units)


@pytest.fixture(scope="module")
def thresholds(real_tables: Tables) -> pd.DataFrame:
    return compute_thresholds(real_tables, rule(100), CDC)


def test_the_real_table_gives_139_of_176(thresholds: pd.DataFrame) -> None:
    assert (thresholds["reference_cases"] >= 100).sum() == 176
    assert thresholds["in_pool"].sum() == 139
    assert (thresholds["threshold_cases"] == 0).sum() == 975
    assert set(TEN_MUNICIPALITIES) <= set(thresholds.loc[thresholds["in_pool"], "unit_id"])


def test_every_threshold_says_how_many_years_it_rests_on(thresholds: pd.DataFrame) -> None:
    assert tuple(thresholds.columns) == THRESHOLD_COLUMNS
    assert (thresholds["reference_weeks"] == 104).all()
    assert (thresholds["reference_years"] == 2.0).all()


def test_refused_municipalities_say_why(thresholds: pd.DataFrame) -> None:
    refused = thresholds[~thresholds["in_pool"]]
    assert refused["refused_reason"].notna().all()
    zero = refused[(refused["reference_cases"] >= 100)]
    assert set(zero["refused_reason"]) == {"threshold of the reference range is 0"}


def test_the_threshold_is_the_median_of_the_range_and_of_nothing_else() -> None:
    tables = table_of(("05001", [3.0] * 52 + [5.0] * 52 + [999.0] * 52))
    assert compute_thresholds(tables, rule(1), CDC)["threshold_cases"].item() == 4.0


def test_a_missing_week_is_left_out_of_the_median_and_counted() -> None:
    row = compute_thresholds(table_of(("05001", [np.nan] * 26 + [7.0] * 78)), rule(1), CDC).iloc[0]
    assert (row["threshold_cases"], row["reference_weeks"], row["reference_years"]) == (
        7.0,
        78,
        1.5,
    )


def test_the_newest_vintage_of_a_count_decides() -> None:
    tables = table_of(("05001", [4.0] * 104))
    revised = tables.cases.assign(cases=6.0, received_date=date(2018, 2, 1))
    both = replace(tables, cases=pd.concat([revised, tables.cases], ignore_index=True))
    assert compute_thresholds(both, rule(1), CDC)["threshold_cases"].item() == 6.0


def test_a_municipality_without_cases_is_refused_not_lost() -> None:
    tables = table_of(("05001", [9.0] * 104))
    units = pd.DataFrame({"unit_id": ["05001", "05002"], "name": ["a", "b"]})
    table = compute_thresholds(replace(tables, units=units), rule(1), CDC).set_index("unit_id")
    assert table.loc["05002", "refused_reason"] == "no known cases in the reference range"


def test_an_as_of_before_the_range_ends_is_refused(real_tables: Tables) -> None:
    with pytest.raises(ConfigError, match=r"2017-w30 .* 2016-w01\.\.2017-w52") as caught:
        compute_thresholds(real_tables, rule(100), CDC, CDC.week_no("2017-w30"))
    assert "2017-w52" in caught.value.fix


def test_the_samples_rule_keeps_the_name_that_reports_and_bundles_know_it_by() -> None:
    assert load_profile("sample").labels.rule_id == "median_2016_2017"


def test_a_label_is_strictly_above_and_unknown_where_cases_are() -> None:
    labels = label_of(np.array([4.0, 5.0, np.nan]), np.array([4.0, 4.0, 4.0]))
    np.testing.assert_array_equal(labels, [0.0, 1.0, np.nan])
