"""The data dictionary names every column that is published, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.contracts import COVARIATE_NAMES, SAMPLE_INPUTS, SAMPLE_KEYS, SAMPLE_TARGET
from pipelines.data.declared import of_the_place
from pipelines.data.sources.satellitebench_columns import DEMOGRAPHICS
from pipelines.data.tables import Tables
from pipelines.evaluate.backtest import PREDICTION_COLUMNS
from pipelines.inference.forecast import FORECAST_COLUMNS

TEXT = (Path(__file__).parents[2] / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+).*?\n(.*?)(?=^## |\Z)", TEXT, re.S | re.M))
PUBLISHED = {
    "Forecast": FORECAST_COLUMNS,
    "Samples": (*SAMPLE_KEYS, *SAMPLE_INPUTS, *COVARIATE_NAMES, SAMPLE_TARGET),
    "Backtests": PREDICTION_COLUMNS,
}


def _named(section: str) -> set[str]:
    rows = re.findall(r"^\| (`.*?) \|", SECTIONS[section], re.M)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize("section", PUBLISHED)
def test_a_table_has_just_the_columns_that_are_published(section: str) -> None:
    assert _named(section) == set(PUBLISHED[section])


def test_every_column_of_the_census_is_named() -> None:
    assert [name for name in DEMOGRAPHICS.values() if f"`{name}`" not in SECTIONS["Clean"]] == []


def test_covariates_of_the_place_are_called_as_the_dictionary_says() -> None:
    named = re.findall(r"`((?:altitude|humidity|ocean)\w+)`", SECTIONS["Samples"])
    assert len(named) == 6
    assert of_the_place(named, ("altitude_m", "humidity_pct", "ocean_index")) == tuple(named)


def test_every_column_of_a_clean_table_is_named() -> None:
    empty = Tables.empty()
    for name in ("cases", "climate", "doubts", "scenes", "units", "series"):
        (line,) = re.findall(rf"^\| `{name}` \| (.*)$", SECTIONS["Clean"], re.M)
        assert [c for c in getattr(empty, name).columns if f"`{c}`" not in line] == []
