"""No threshold knows what an origin of its year does not: everything later may be noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.rule_worlds import seasonal, tables_of

from pipelines.contracts import LABEL_RULES
from pipelines.data.labels import compute_thresholds
from pipelines.data.tables import Tables
from pipelines.label_config import LabelConfig
from pipelines.weeks import CDC, ISO, Calendar

RULES: dict[str, dict[str, Any]] = {
    "rolling": {"kind": "rolling_quantile", "years": 2, "min_years": 1},
    "rolling_floor": {"kind": "rolling_quantile", "floor_cases": 4},
    "median": {"kind": "endemic_channel", "years": 2, "half_window_weeks": 0},
    "geometric_mean": {"kind": "endemic_channel", "centre": "geometric_mean", "leave_out": [2014]},
    "mean_sd": {
        "kind": "endemic_channel",
        "centre": "mean_sd",
        "min_years": 1,
        "half_window_weeks": 3,
    },
    "incidence": {"kind": "incidence", "per_100k": 30},
    "plug_in": {"kind": "twice_usual"},
}


def _world(calendar: Calendar) -> Tables:
    persons = {
        f"population_{year}": [20_000.0 + year, np.nan, 50_000.0] for year in (2012, 2015, 2017)
    }
    series = {f"u{i}": seasonal(size, i) for i, size in enumerate((1.0, 4.0, 12.0))}
    return tables_of(series, "2012-w01", "2018-w48", calendar, **persons)


WORLDS = {calendar: _world(calendar) for calendar in (CDC, ISO)}


def _noisy(tables: Tables, calendar: Calendar, year: int, delay: int) -> Tables:
    """Everything after the last week of the year before, less the delay, replaced by noise."""
    noise = np.random.default_rng([year, delay])
    last_known = calendar.week_no(f"{year - 1}-w{calendar.weeks_in_year(year - 1)}") - delay
    cases = tables.cases.copy()
    later = (cases["week_no"] > last_known).to_numpy()
    cases.loc[later, "cases"] = noise.integers(0, 3000, int(later.sum())).astype(float)
    units = tables.units.copy()
    for name in units:
        if str(name).startswith("population_") and int(str(name)[-4:]) >= year:
            units[name] = np.where(units[name].notna(), noise.uniform(1e3, 1e6, len(units)), np.nan)
    return replace(tables, cases=cases, units=units)


@pytest.mark.parametrize("calendar", [CDC, ISO], ids=["cdc", "iso"])
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("year", "delay"), [(2015, 0), (2016, 1), (2014, 2), (2018, 6)])
def test_thresholds_of_a_year_rest_on_what_its_first_origin_knows(
    monkeypatch: pytest.MonkeyPatch, name: str, calendar: Calendar, year: int, delay: int
) -> None:
    monkeypatch.setitem(LABEL_RULES, "twice_usual", "support.rule_plugin:TwiceUsualRule")  # type: ignore[arg-type]
    labels = LabelConfig(rule=RULES[name], min_reference_cases=5)  # type: ignore[arg-type]
    found = [
        _of_year(compute_thresholds(tables, labels, calendar, delay_weeks=delay), year)
        for tables in (WORLDS[calendar], _noisy(WORLDS[calendar], calendar, year, delay))
    ]
    pd.testing.assert_frame_equal(*found)
    assert found[0]["threshold_cases"].notna().any()


def _of_year(table: pd.DataFrame, year: int) -> pd.DataFrame:
    own = table[table["origin_year"] == year].drop(columns="in_pool")  # the unit's, of any year
    return own.reset_index(drop=True)


def test_a_delay_is_no_idle_argument() -> None:
    labels = LabelConfig(rule={"kind": "rolling_quantile", "years": 1, "min_years": 1})  # type: ignore[arg-type]
    weeks = [compute_thresholds(WORLDS[CDC], labels, CDC, delay_weeks=d) for d in (0, 3)]
    of_2018 = [t.loc[t["origin_year"] == 2018, "reference_weeks"].tolist() for t in weeks]
    assert of_2018 == [[52] * 3, [49] * 3]
