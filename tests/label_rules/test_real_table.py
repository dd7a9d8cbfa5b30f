"""Thresholds of the real Colombian table, computed a second time with plain pandas from
the file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.data.labels import THRESHOLD_COLUMNS, compute_thresholds
from pipelines.data.tables import Tables
from pipelines.label_config import LabelConfig
from pipelines.weeks import CDC

MEDELLIN, CALI, SMALL = "05001", "76001", "05002"
AS_OF = CDC.week_no("2018-w48")
# What plain pandas gives for origins of 2009..2018: thresholds, and units that any of them can use.
PINNED = {"rolling": (16.0, 113.0), "channel": 384.0, "incidence": 482.9232}
POOLS = {"rolling": 480, "channel": 439, "channel_floor3": 512, "incidence": 569}
_made: dict[str, pd.DataFrame] = {}


def _thresholds(real: Tables, **rule: Any) -> pd.DataFrame:
    """Of all municipalities, a second each."""
    labels = LabelConfig.model_validate({"rule": rule})
    if labels.rule_id not in _made:
        _made[labels.rule_id] = _compute(real, **rule)
    return _made[labels.rule_id]


def _compute(tables: Tables, **rule: Any) -> pd.DataFrame:
    labels = LabelConfig.model_validate({"rule": rule})
    first = CDC.week_no("2009-w01")
    return compute_thresholds(tables, labels, CDC, AS_OF, first_origin_no=first)


@pytest.fixture(scope="module")
def three(real: Tables) -> Tables:
    """The municipalities that are computed by hand: the threshold of one knows nothing of
    others."""
    cases, units = (t[t["unit_id"].isin([MEDELLIN, CALI, SMALL])] for t in (real.cases, real.units))
    return replace(real, cases=cases.reset_index(drop=True), units=units.reset_index(drop=True))


def _weeks(wide: pd.DataFrame, *years: int) -> pd.DataFrame:
    """One row a municipality, one column a week of these years."""
    return wide[[c for c in wide if c[:4].isdigit() and c[4:6] == "/w" and int(c[:4]) in years]]


def _at(
    table: pd.DataFrame, unit: str, year: int | None = None, season: int | None = None
) -> float:
    own = table[table["unit_id"] == unit]
    for name, value in (("origin_year", year), ("season_week", season)):
        own = own[own[name].isna() if value is None else own[name] == value]
    return float(own["threshold_cases"].item())


def _pool(table: pd.DataFrame) -> int:
    return int(table.loc[table["in_pool"], "unit_id"].nunique())


def test_the_rule_of_the_sample_is_what_it_was(real: Tables, wide: pd.DataFrame) -> None:
    table = _thresholds(real, kind="quantile", q=0.5, reference=["2016-w01", "2017-w52"])
    assert tuple(table.columns) == THRESHOLD_COLUMNS
    assert (len(table), _pool(table)) == (1121, 139)
    assert table[["origin_year", "season_week"]].isna().all().all()
    by_hand = _weeks(wide, 2016, 2017)
    np.testing.assert_array_equal(table["threshold_cases"], by_hand.median(axis=1).sort_index())
    np.testing.assert_array_equal(table["reference_cases"], by_hand.sum(axis=1).sort_index())
    kept = (by_hand.sum(axis=1) >= 100) & (by_hand.median(axis=1) > 0)
    assert set(table.loc[table["in_pool"], "unit_id"]) == set(kept.index[kept])
    assert (table["reference_years"] == 2.0).all()


def test_the_rolling_quantile_moves_with_the_year(real: Tables, wide: pd.DataFrame) -> None:
    table = _thresholds(real, kind="rolling_quantile")
    for year, years in {2018: range(2013, 2018), 2010: range(2007, 2010)}.items():
        own = table[table["origin_year"] == year].set_index("unit_id")
        by_hand = _weeks(wide, *years)
        wanted = by_hand.quantile(0.75, axis=1).reindex(own.index)
        pd.testing.assert_series_equal(own["threshold_cases"], wanted, check_names=False)
        usable = (by_hand.sum(axis=1) >= 100) & (wanted.reindex(by_hand.index) > 0)
        assert own["refused_reason"].isna().sum() == usable.sum()
        assert (own["reference_years"] == len(years)).all()
    assert (_at(table, MEDELLIN, 2010), _at(table, MEDELLIN, 2018)) == PINNED["rolling"]
    assert _pool(table) == POOLS["rolling"]


def _around(season: int, half: int) -> list[str]:
    return [f"w{(season - 1 + step) % 52 + 1:02d}" for step in range(-half, half + 1)]


def _channel(wide: pd.DataFrame, unit: str, years: list[int], season: int, half: int) -> pd.Series:
    own = _weeks(wide, *years).loc[unit]
    places = own.index.str[-3:].str.replace("w53", "w52")
    return own[places.isin(_around(season, half))].astype(float)


@pytest.mark.parametrize(("unit", "season"), [(MEDELLIN, 1), (CALI, 30), (SMALL, 52)])
def test_the_endemic_channel_is_the_centre_of_the_weeks_around(
    three: Tables, wide: pd.DataFrame, unit: str, season: int
) -> None:
    free = {"kind": "endemic_channel", "min_years": 1}
    years = [2012, 2013, 2014, 2015, 2017]
    values = _channel(wide, unit, years, season, 2)
    assert len(values) == 25
    median = _compute(three, **free, leave_out=[2016])
    if unit == SMALL:  # fewer than 100 cases: refused as a whole, in one row
        own = median[(median["unit_id"] == unit) & (median["origin_year"] == 2018)]
        assert own["refused_reason"].tolist() == ["fewer than 100 cases in the years before"]
        return
    assert _at(median, unit, 2018, season) == values.median()
    spread = _compute(three, **free, leave_out=[2016], centre="mean_sd", k=2)
    assert _at(spread, unit, 2018, season) == pytest.approx(
        values.mean() + 2 * values.std(), rel=1e-12
    )
    mean = _compute(
        three,
        kind="endemic_channel",
        reference=[2010, 2013],
        centre="geometric_mean",
        half_window_weeks=0,
    )
    own_week = _channel(wide, unit, [2010, 2011, 2012, 2013], season, 0)
    assert _at(mean, unit, None, season) == pytest.approx(
        float(np.exp(np.log(own_week + 1).mean()) - 1), rel=1e-12
    )


def test_pools_of_the_channels_are_known(real: Tables) -> None:
    median = _thresholds(real, kind="endemic_channel")
    with_floor = _thresholds(real, kind="endemic_channel", floor_cases=3)
    assert _at(median, CALI, 2018, 20) == PINNED["channel"]
    assert (_pool(median), _pool(with_floor)) == (POOLS["channel"], POOLS["channel_floor3"])
    low = with_floor[with_floor["refused_reason"].isna()]
    assert low["threshold_cases"].min() == 3.0


def test_incidence_counts_by_persons(real: Tables, wide: pd.DataFrame) -> None:
    table = _thresholds(real, kind="incidence", per_100k=20)
    own = table[table["origin_year"] == 2018].set_index("unit_id")["threshold_cases"]
    wanted = (20 * wide["Population2017"] / 100_000).reindex(own.index)
    pd.testing.assert_series_equal(own, wanted, check_names=False)
    assert _at(table, MEDELLIN, 2018) == pytest.approx(PINNED["incidence"])
    assert _pool(table) == POOLS["incidence"]
