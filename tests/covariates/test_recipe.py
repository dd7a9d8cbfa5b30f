"""Declared covariates in a recipe: said where there are any, and a champion is judged with
its own."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import yaml
from support.declared_place import CASES, OCEAN, profile_of
from support.outputs import serving

from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.declared import of_the_place
from pipelines.data_config import DataConfig
from pipelines.evaluate.gate_inputs import champion_profile
from pipelines.fusion.examples import Examples
from pipelines.recipes import canonical, recipe_id

PLAIN = {"file": "cases.csv"}


def test_a_recipe_names_covariates_only_where_a_place_declares_any() -> None:
    plain, more = profile_of(PLAIN).recipe("linear"), profile_of(CASES, OCEAN).recipe("linear")
    assert "covariates" not in plain and "covariates" not in canonical(plain)
    assert more["covariates"] == [
        "altitude_m",
        "empty_index",
        "humidity_pct",
        "ocean_index",
        "sparse_index",
    ]
    assert recipe_id(more) != recipe_id(plain)
    assert recipe_id({**plain, "covariates": []}) == recipe_id(plain)


def test_built_in_columns_are_no_declared_covariates() -> None:
    columns = {
        n: n
        for n in (
            "unit",
            "year",
            "population",
            "population_2018",
            "houses_per_km2",
            "households_without_water_pct",
            "altitude_m",
        )
    }
    profile = profile_of(PLAIN, {"file": "people.csv", "table": "units", "columns": columns})
    assert profile.data.covariates == profile.data.figures == ("altitude_m",)


def test_a_champion_of_before_a_declaration_is_trained_without_what_was_declared_later() -> None:
    before, now = profile_of(PLAIN), profile_of(CASES, OCEAN)
    found = champion_profile(
        serving(
            recipe=before.recipe("linear"), recipe_id=before.recipe_id("linear"), head="linear"
        ),
        now,
    )
    assert found is not None and found[0].data.covariates == ()
    assert found[0].recipe_id("linear") == before.recipe_id("linear")


def test_a_champion_is_judged_without_a_covariate_that_is_not_delivered_any_more() -> None:
    before, now = profile_of(CASES, OCEAN), profile_of(CASES)
    found = champion_profile(
        serving(
            recipe=before.recipe("linear"), recipe_id=before.recipe_id("linear"), head="linear"
        ),
        now,
    )
    assert found is not None
    assert found[0].data.covariates == now.data.covariates


def test_rows_keep_the_covariates_of_a_recipe(rows: Examples) -> None:
    assert of_the_place(rows.covariate_names, ()) == COVARIATE_NAMES
    some = rows.keep(of_the_place(rows.covariate_names, ("humidity_pct",)))
    assert some.covariate_names == (
        *COVARIATE_NAMES,
        "humidity_pct_lag00",
        "humidity_pct_mean_lag00_03",
    )
    np.testing.assert_array_equal(
        some.covariates[:, -2], rows.columns(["humidity_pct_lag00"])[:, 0].astype(np.float32)
    )
    assert rows.keep(rows.covariate_names) is rows


def test_the_pages_example_declares_what_the_page_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "your-own-data.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"<!-- example: covariates -->\n```yaml\n(.*?)```", page, re.DOTALL)
    data = DataConfig.model_validate(yaml.safe_load(example)["data"])
    assert data.covariates == ("altitude_m", "humidity_pct", "ocean_index")
    assert data.figures == ("altitude_m",)
