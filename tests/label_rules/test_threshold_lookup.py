"""One look-up finds the threshold of a row, for features, bundles and requests alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipelines.data.threshold_lookup import Thresholds
from pipelines.errors import ConfigError
from pipelines.weeks import CDC


def _seasonal() -> Thresholds:
    """Unit a: 100 * year's last digits + season in 2017 and 2018; unit b: none in season 10 of
    2018.
    """
    rows = [
        {
            "unit_id": unit,
            "origin_year": year,
            "season_week": season,
            "threshold_cases": 100.0 * (year - 2000) + season,
            "refused_reason": "threshold of this season is 0"
            if (unit, year, season) == ("b", 2018, 10)
            else None,
        }
        for unit in "ab"
        for year in (2017, 2018)
        for season in range(1, 53)
    ]
    return Thresholds.of_table(pd.DataFrame(rows), CDC)


def _week(label: str) -> int:
    return CDC.week_no(label)


def test_year_of_the_origin_and_season_of_the_target_decide() -> None:
    found = _seasonal()
    assert found.of("a", _week("2017-w50"), 4) == 1702.0  # asked in 2017 about 2018-w02
    assert found.of("a", _week("2018-w01"), 1) == 1802.0
    assert not found.plain


def test_many_rows_at_once_are_the_same_as_one_by_one() -> None:
    found = _seasonal()
    origins = np.arange(_week("2016-w45"), _week("2020-w05"))
    table = found.of_rows(["a"] * len(origins), origins, origins + 4)
    for origin, threshold in zip(origins.tolist(), table.tolist(), strict=True):
        if np.isnan(threshold):
            with pytest.raises(ConfigError):
                found.of("a", origin, 4)
        else:
            assert found.of("a", origin, 4) == threshold


def test_the_year_after_the_newest_has_its_thresholds_and_no_later_one() -> None:
    found = _seasonal()
    assert found.of("a", _week("2019-w05"), 1) == found.of("a", _week("2018-w05"), 1)
    for week in ("2020-w01", "2016-w52"):
        with pytest.raises(
            ConfigError, match=r"thresholds for origins of 2017\.\.2018 and the year after"
        ):
            found.of("a", _week(week), 1)


def test_what_cannot_be_asked_is_refused_with_its_reason() -> None:
    found = _seasonal()
    with pytest.raises(ConfigError, match="c is not one of the 2 that the model knows"):
        found.of("c", _week("2018-w01"), 1)
    with pytest.raises(ConfigError, match="the row has no origin week") as caught:
        found.of("a", None, 1)
    assert "origin_week" in caught.value.fix
    with pytest.raises(ConfigError, match="gives b no threshold for 2018-w10, asked in 2018-w09"):
        found.of("b", _week("2018-w09"), 1)
    assert np.isnan(
        found.of_rows(
            ["b", "c"], np.array([_week("2018-w09")] * 2), np.array([_week("2018-w10")] * 2)
        )
    ).all()


def test_one_threshold_a_unit_needs_no_origin() -> None:
    found = Thresholds.of_units({"a": 4.0, "b": 2.5}, CDC)
    assert found.plain
    assert found.of("b", None, 4) == 2.5
    assert found.of_rows(["b", "x", "a"], np.zeros(3, np.int64), np.zeros(3, np.int64))[
        [0, 2]
    ].tolist() == [2.5, 4.0]


def test_a_table_of_the_first_version_has_one_threshold_a_unit() -> None:
    table = pd.DataFrame(
        {
            "unit_id": ["a", "b"],
            "threshold_cases": [4.0, 0.0],
            "in_pool": [True, False],
            "refused_reason": [None, "few"],
        }
    )
    found = Thresholds.of_table(table, CDC)
    assert (found.unit_ids, found.plain, found.of("a", None, 1)) == (("a",), True, 4.0)


def test_a_table_of_thresholds_comes_back_from_its_rows() -> None:
    found = _seasonal()
    again = Thresholds.of_table(found.table(), CDC)
    assert (again.unit_ids, again.origin_years) == (found.unit_ids, found.origin_years)
    np.testing.assert_array_equal(again.cases, found.cases)
