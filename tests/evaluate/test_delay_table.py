"""The table of what reporting delays cost: scored on the same weeks, made once for a recipe and its
years.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.filling import made

from pipelines.config import Profile, load_profile
from pipelines.data.tables import Tables
from pipelines.errors import ConfigError
from pipelines.evaluate.delay_table import (
    Record,
    delay_table_id,
    last_delay_table,
    make_delay_table,
)

FACTS: Record = {"made_on": "2017-02-01", "run_id": "r", "dataset_version": "d"}


def profile(**data: object) -> Profile:
    raw = load_profile("ci").model_dump(mode="json")
    raw["place"] = {"codes": {"kind": "text"}}
    raw["data"] = {"source": "files", **data}
    raw |= {"embed": None, "train": {"candidates": ["linear"]}}
    raw["labels"] = {"rule": {"kind": "quantile", "q": 0.5, "reference": ["2015-w01", "2015-w52"]}}
    raw["evaluate"] = {"horizons_weeks": [1], "primary_horizon_weeks": 1, "test_years": [2016]}
    return Profile.model_validate(raw)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return made(units=20, weeks=157)


def test_a_longer_delay_costs_more(tables: Tables, tmp_path: Path) -> None:
    table = make_delay_table(tables, profile(), (2016,), tmp_path, FACTS)
    none, one, two, four = table["brier"]["1"]
    assert none < one < two < four < 0.25
    assert table["rows"] == 20 * 52 and table["units"] == 20
    assert last_delay_table(tmp_path, profile(), (2016,)) == table


def test_another_recipe_or_year_is_another_table(tmp_path: Path) -> None:
    ids = {
        delay_table_id(profile(), (2016,)),
        delay_table_id(profile(), (2016, 2017)),
        delay_table_id(profile(maturity={"method": "drop", "weeks": 1}), (2016,)),
    }
    assert len(ids) == 3
    assert last_delay_table(tmp_path, profile(), (2016,)) is None


def test_until_there_is_a_new_one_the_last_of_the_profile_is_shown(
    tables: Tables, tmp_path: Path
) -> None:
    table = make_delay_table(tables, profile(), (2016,), tmp_path, FACTS)
    changed = profile(maturity={"method": "drop", "weeks": 1})
    assert last_delay_table(tmp_path, changed, (2016,)) == table
    other = Profile.model_validate(changed.model_dump(mode="json") | {"profile": "other"})
    assert last_delay_table(tmp_path, other, (2016,)) is None


def test_without_a_test_year_there_is_no_table(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no year can be judged"):
        make_delay_table(replace(tables), profile(), (), tmp_path, FACTS)
