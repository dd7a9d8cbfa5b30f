"""What the scenes' bands say reaches the models as covariates: from a drop's pictures to
probabilities, by the scene that the image modality sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support import wet_place
from support.declared_place import UNITS, Place, profile_of
from support.outputs import serving

from pipelines.config import Profile
from pipelines.contracts import COVARIATE_NAMES, SCENE_COVARIATES
from pipelines.data.tables import Tables
from pipelines.evaluate.gate_inputs import champion_profile, untrainable
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.features.read import load_examples
from pipelines.fusion.examples import Examples
from pipelines.fusion.golden import golden_rows, worst_difference
from pipelines.fusion.horizon import HorizonModel
from pipelines.fusion.linear import fit_linear
from pipelines.recipes import canonical, recipe_id
from pipelines.run.outputs import ServingModel
from pipelines.storage import read_json

ALL = ["ndvi", "ndwi", "ndmi", "brightness"]
NAMES = tuple(one.name for one in SCENE_COVARIATES)


def _profile(*indices: str, **scenes: object) -> Profile:
    asked = {"inputs": [wet_place.INPUT], "scenes": {"indices": indices, **scenes}}
    return profile_of(data=asked)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The place with every index. Change nothing in it."""
    home = tmp_path_factory.mktemp("wet")
    made = Place(home, _profile(*ALL))
    images = wet_place.write_scenes(home / "desk" / "images")
    made.drop(images=images, cases_csv=wet_place.cases_csv())
    return made


@pytest.fixture(scope="module")
def features(place: Place) -> Path:
    return place.features()


@pytest.fixture(scope="module")
def rows(features: Path) -> Examples:
    return load_examples(features, 4)


@pytest.fixture(scope="module")
def table(features: Path) -> pd.DataFrame:
    return pd.read_parquet(features / "rows.parquet")


def _of_champion(profile: Profile) -> ServingModel:
    recipe = profile.recipe("linear")
    return serving(recipe=recipe, recipe_id=profile.recipe_id("linear"), head="linear")


# --- The rows -----------------------------------------------------------------------------------
def test_they_follow_all_others_in_rows_and_in_the_description(
    features: Path, rows: Examples
) -> None:
    assert rows.covariate_names == (*COVARIATE_NAMES, *NAMES)
    assert read_json(features / "features.json")["covariates"] == [*COVARIATE_NAMES, *NAMES]


def test_an_index_is_that_of_the_scene_that_the_row_sees(table: pd.DataFrame) -> None:
    seen = table[table["image_uri"].str.endswith(".tiff", na=False)]
    month = pd.to_datetime(seen["image_date"])
    at = (month.dt.year * 12 + month.dt.month - 1 - wet_place.FIRST_MONTH).to_numpy(np.int64)
    meant = [wet_place.moisture(u)[i] for u, i in zip(seen["unit_id"], at, strict=True)]
    assert len(seen) > 2000
    np.testing.assert_allclose(seen["scene_ndmi"], meant, atol=1e-3)
    assert (seen["scene_clear_share"] == np.float32(0.75)).all()
    assert (seen["scene_age_weeks"] == seen["image_age_weeks"]).all()


def test_a_picture_of_three_bands_has_its_brightness_and_no_other_index(
    table: pd.DataFrame,
) -> None:
    odd = table[table["image_uri"].str.endswith(".png", na=False)]
    assert len(odd) and set(odd["unit_id"]) == {UNITS[0]}
    assert odd[["scene_ndvi", "scene_ndwi", "scene_ndmi"]].isna().all(axis=None)
    assert odd["scene_brightness"].between(0.06, 0.15).all()


def test_where_no_scene_is_seen_all_are_missing(place: Place) -> None:
    tables = place.validated().tables
    first = tables.scenes["unit_id"] != UNITS[0]
    without = replace(tables, scenes=tables.scenes[first])
    found = _examples(without, place.profile)
    mine = found.columns(NAMES)[found.unit_id == UNITS[0]]
    assert len(mine) and np.isnan(mine).all()


def test_an_index_from_too_little_clear_ground_is_missing_and_the_share_is_not(
    place: Place,
) -> None:
    tables = place.validated().tables
    enough, short = (
        _examples(tables, _profile("ndmi", min_clear_share=share)) for share in (0.75, 0.76)
    )
    assert np.isfinite(enough.columns(["scene_ndmi"])).mean() > 0.9
    at = short.columns(["scene_clear_share"]) == np.float32(0.75)
    assert np.isnan(short.columns(["scene_ndmi"])[at]).all() and at.mean() > 0.9


def test_a_scene_that_is_too_old_for_an_image_has_no_index(place: Place) -> None:
    tables = place.validated().tables
    found = _examples(tables, _profile("ndmi", max_age_weeks=1))
    age, index = found.columns(["scene_age_weeks"]), found.columns(["scene_ndmi"])
    assert np.nanmax(age) == 1 and np.isnan(index[np.isnan(age)]).all()
    assert 0.2 < np.isnan(age).mean() < 0.9


def test_what_a_later_origin_will_see_changes_no_row(place: Place) -> None:
    tables = place.validated().tables
    before = _examples(tables, place.profile)
    origin = place.profile.calendar.week_no("2017-w20")
    later = pd.to_datetime(tables.scenes["available_date"]) > pd.Timestamp(
        place.profile.calendar.week_end(origin)
    )
    noisy = tables.scenes.copy()
    for name in ALL:
        noisy.loc[later, name] = 77.0
    after = _examples(replace(tables, scenes=noisy), place.profile)
    known = before.origin_week_no <= origin
    np.testing.assert_array_equal(before.columns(NAMES)[known], after.columns(NAMES)[known])
    assert (after.columns(["scene_ndmi"])[~known] == 77.0).any()


def test_rows_in_memory_have_the_same_values_as_a_runs(place: Place, rows: Examples) -> None:
    found = _examples(place.validated().tables, place.profile)
    order = np.argsort(found.sample_id.astype(str))
    assert found.covariate_names == rows.covariate_names
    assert list(found.sample_id[order]) == list(rows.sample_id)
    np.testing.assert_array_equal(found.columns(NAMES)[order], rows.columns(NAMES))


def _examples(tables: Tables, profile: Profile) -> Examples:
    newest = profile.calendar.week_no("2018-w48")
    return tabular_examples(tables, profile, newest, [4])[0][4]


# --- The models ---------------------------------------------------------------------------------
def test_a_linear_model_reads_an_index_that_tells_something(rows: Examples) -> None:
    model = fit_linear(rows, 1.0)
    assert set(NAMES) <= set(model.columns)
    wet = rows.columns(["scene_ndmi"])[:, 0] > 0.2
    dry = rows.columns(["scene_ndmi"])[:, 0] < 0.0
    probability = model.predict_proba(rows)
    assert probability[wet].mean() - probability[dry].mean() > 0.5


def test_golden_rows_hold_them(rows: Examples) -> None:
    models = {4: HorizonModel(4, fit_linear(rows, 1.0))}
    golden = golden_rows(models, rows.covariate_names)
    assert all(len(one.covariates) == len(rows.covariate_names) for one in golden)
    assert worst_difference(models, golden, rows.covariate_names) == 0.0


# --- A place that asks for none, and recipes ----------------------------------------------------
def test_without_the_key_dataset_tables_and_recipe_are_as_before(place: Place) -> None:
    plain = _profile()
    asked_none = Place(place.home, plain)
    dataset = asked_none.dataset()
    assert "covariates" not in read_json(dataset / "dataset.json")
    assert not set(pd.read_parquet(dataset / "tables" / "scenes.parquet")) & {*ALL, "seen_share"}
    assert "indices" not in plain.model_dump_json() and "min_clear" not in plain.model_dump_json()
    assert plain.recipe_id("linear") == profile_of(wet_place.INPUT).recipe_id("linear")


def test_a_recipe_names_them_among_its_covariates_and_says_how_scenes_are_read() -> None:
    recipe = _profile("ndmi", offset_16bit=1000).recipe("linear")
    assert recipe["covariates"] == ["scene_age_weeks", "scene_clear_share", "scene_ndmi"]
    assert canonical(recipe)["data"] == {"scenes": {"offset_16bit": 1000}}
    others = [_profile("ndmi"), _profile("ndmi", min_clear_share=0.2), _profile("ndvi"), _profile()]
    assert len({recipe_id(recipe), *(one.recipe_id("linear") for one in others)}) == 5


def test_a_champion_of_before_is_trained_without_what_was_asked_for_later() -> None:
    champion = _of_champion(_profile())
    found = champion_profile(champion, _profile(*ALL))
    assert found is not None and found[0].data.covariates == ()
    assert found[0].recipe_id("linear") == champion.recipe_id


def test_a_fused_champion_of_before_can_be_trained_beside_indices() -> None:
    recipe = _profile().recipe("late_joint")
    champion = serving(recipe=recipe, recipe_id=recipe_id(recipe), head="late_joint")
    assert untrainable(champion, _profile(*ALL)) == []


def test_a_champion_that_reads_one_index_is_trained_with_that_one() -> None:
    champion = _of_champion(_profile("ndmi"))
    found = champion_profile(champion, _profile(*ALL))
    assert found is not None and found[0].data.scenes.indices == ("ndmi",)
    assert found[0].recipe_id("linear") == champion.recipe_id


@pytest.mark.parametrize("changed", [{"min_clear_share": 0.5}, {"max_age_weeks": 3}])
def test_a_champion_whose_indices_were_read_otherwise_is_not_trained_on_these_rows(
    changed: dict[str, float],
) -> None:
    assert untrainable(_of_champion(_profile("ndmi", **changed)), _profile("ndmi")) == [
        "data.scenes"
    ]
    assert untrainable(_of_champion(_profile(**changed)), _profile()) == []
