"""Profiles and recipes of the first version mean today what they meant then."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.by_torch import BY_TORCH
from support.first_home import HERE
from support.make_first_home import PROFILE
from support.outputs import candidate, serving
from typer.testing import CliRunner

from pipelines import profile_v1
from pipelines.cli import app
from pipelines.config import Profile, load_profile
from pipelines.contracts import content_id
from pipelines.errors import ConfigError
from pipelines.evaluate.gate_inputs import _data_of, champion_profile
from pipelines.recipes import recipe_id
from pipelines.run.outputs import ServingModel
from pipelines.storage import read_json

SHIPPED = ("ci", "sample", "satellitebench", "satellitebench_gemma")
UNTUNED: dict[str, object] = {"train.tuned": {}}  # no rate was tuned in the first version
AS_FIRST = UNTUNED | BY_TORCH  # nor was there another runtime
TEN = ("05001", "05360", "08001", "23001", "41001", "50001", "54001", "68001", "73001", "76001")


def _recipes() -> list[tuple[str, str]]:
    return [
        (name, head)
        for name in SHIPPED
        for head in read_json(HERE / "first_recipes" / f"{name}.json")
    ]


@pytest.fixture
def own(tmp_path: Path) -> Any:
    """Write a profile of one's own and load it."""

    def load(raw: dict[str, Any] | str, **overrides: object) -> Profile:
        path = tmp_path / "own.yaml"
        path.write_text(raw if isinstance(raw, str) else yaml.safe_dump(raw), encoding="utf-8")
        return load_profile(str(path), **overrides)

    return load


@pytest.fixture
def first() -> dict[str, Any]:
    """The profile of a ministry, under the keys of the first version."""
    raw: dict[str, Any] = yaml.safe_load(PROFILE)
    return raw


@pytest.mark.parametrize(("name", "head"), _recipes())
def test_a_recorded_recipe_is_that_of_todays_profile(name: str, head: Any) -> None:
    recorded = read_json(HERE / "first_recipes" / f"{name}.json")[head]
    assert recipe_id(recorded) == load_profile(name, **AS_FIRST).recipe_id(head)
    assert recipe_id(recorded) != content_id(recorded)  # which is what its bundle says


def test_recorded_recipes_of_other_models_stay_apart() -> None:
    found = {
        (name, head): recipe_id(read_json(HERE / "first_recipes" / f"{name}.json")[head])
        for name, head in _recipes()
    }
    fused = {key: identity for key, identity in found.items() if key[1] != "linear"}
    assert len(set(fused.values())) == len(fused)
    assert found["sample", "linear"] == found["satellitebench", "linear"]
    assert found["sample", "linear"] != found["ci", "linear"]  # another first week


@pytest.mark.parametrize("name", SHIPPED)
def test_a_copy_of_a_shipped_profile_is_read_as_todays_and_judges_the_units_it_judged(
    name: str,
) -> None:
    copied = load_profile(str(HERE / "first_profiles" / f"{name}.yaml"))
    judged = {"evaluate.municipalities": TEN, "evaluate.modalities": False}
    today = load_profile(name, **judged, **AS_FIRST)
    # the first version asked nothing of new weeks; how much is asked of them is no key of its
    # profiles
    assert copied == today.model_copy(update={"gate": copied.gate})
    assert load_profile(name).evaluate.municipalities is None  # today: the whole pool


def test_what_a_profile_of_ones_own_says_is_kept_and_what_was_built_in_is_filled_in(
    own: Any, first: dict[str, Any]
) -> None:
    first["data"]["language"] = "pt"
    profile = own(first)
    assert (profile.place.language, profile.codes.normalise("5001")) == ("pt", "05001")
    assert profile.labels.rule_id == "median_2016_2017"
    assert profile.data.text_window.municipalities == ()
    assert (profile.data.text_window.first_week, profile.data.text_window.last_week) == (
        "2013-w01",
        "2018-w52",
    )
    assert (profile.data.first_week, profile.evaluate.test_years) == (
        "2013-w01",
        (2015, 2016, 2017, 2018),
    )
    assert profile.evaluate.municipalities == TEN


def test_the_shortest_profile_of_the_first_version_has_all_that_was_built_in(
    own: Any, first: dict[str, Any]
) -> None:
    profile = own(
        {"profile": "short", "data": {"source": "sample"}, "embed": first["embed"], "train": {}}
    )
    assert (profile.data.first_week, profile.data.text_window.municipalities) == ("2009-w01", TEN)
    assert profile.evaluate.test_years == (2014, 2015, 2016, 2017, 2018)
    assert (profile.place.language, profile.place.time_zone) == ("es", "America/Bogota")
    assert profile.labels.min_reference_cases == 100


def test_overrides_of_a_run_reach_a_profile_of_the_first_version(
    own: Any, first: dict[str, Any]
) -> None:
    profile = own(first, **{"evaluate.horizons_weeks": (4,), "place.language": "pt"})
    assert (profile.evaluate.horizons_weeks, profile.place.language) == ((4,), "pt")
    assert profile.codes.normalise("5001") == "05001"


def test_the_log_names_the_new_keys_once(
    own: Any, first: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    profile_v1._log_translation.cache_clear()
    with caplog.at_level(logging.WARNING):
        own(first)
        own(first)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "data.language is place.language now, labels.rule_id is labels.rule now" in warning
    assert "denguard profile" in warning


def test_what_denguard_prints_of_it_is_the_same_profile_under_todays_keys(
    own: Any, first: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = own(first)
    printed = CliRunner().invoke(app, ["profile", str(tmp_path / "own.yaml")]).stdout
    caplog.clear()
    assert own(printed) == before
    assert not caplog.records


def test_a_profile_under_todays_keys_is_left_alone(
    own: Any, first: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    rule = {"kind": "quantile", "q": 0.5, "reference": ["2016-w01", "2017-w52"]}
    del first["data"]["language"]
    profile = own({**first, "labels": {"rule": rule}})
    assert profile.place.language == "en"
    assert profile.evaluate.municipalities is None
    assert not caplog.records


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        (
            "data",
            {"source": "satellitebench", "language": "es"},
            "data.language is place.language now",
        ),
        ("labels", {"rule_id": "median_2016_2018"}, "labels.rule_id is labels.rule now"),
    ],
)
def test_a_mixture_of_old_and_new_keys_is_refused_and_the_new_name_is_said(
    own: Any, first: dict[str, Any], key: str, value: Any, hint: str
) -> None:
    del first["data"]["language"]
    with pytest.raises(ConfigError) as raised:
        own({**first, "place": {"codes": {"kind": "dane"}}, key: value})
    assert hint in raised.value.fix


@pytest.mark.parametrize("key", ["labels", "evaluate", "data"])
@pytest.mark.parametrize("nonsense", [5, [1], "text", {"unknown_key": 1}])
def test_what_the_first_version_refused_is_refused_still(
    own: Any, first: dict[str, Any], key: str, nonsense: Any
) -> None:
    if key == "data" and isinstance(nonsense, dict):
        nonsense = {**first["data"], **nonsense}
    with pytest.raises(ConfigError) as raised:
        own({**first, key: nonsense})
    assert key in raised.value.what


def _champion(name: str, head: str, **train: object) -> ServingModel:
    """A champion as the registry describes one whose bundle the first version wrote."""
    recipe = read_json(HERE / "first_recipes" / f"{name}.json")[head]
    recipe["train"] |= train
    return serving(
        version="1",
        bundle_id="old",
        head=head,
        recipe=recipe,
        recipe_id=recipe_id(recipe),
        as_of_week="2018-w48",
        dataset_version="d1",
        weights_id="w1",
    )


@pytest.mark.parametrize(
    ("head", "key", "value"), [("linear", "linear_c", 0.7), ("early", "max_epochs", 3)]
)
def test_a_first_champion_of_other_training_is_trained_beside_todays_candidates(
    head: str, key: str, value: float
) -> None:
    champion = _champion("ci", head, **{key: value})
    found = champion_profile(champion, load_profile("ci", **BY_TORCH))
    assert found is not None
    assert getattr(found[0].train, key) == value
    assert found[0].recipe_id(head) == champion.recipe_id  # type: ignore[arg-type]


def test_a_first_champion_at_the_defaults_is_trained_at_them_whatever_the_profile_says() -> None:
    champion = _champion("ci", "linear")
    found = champion_profile(champion, load_profile("ci", **{"train.linear_c": 0.7}))
    assert found is not None
    assert found[0].train.linear_c == 0.05
    assert found[0].recipe_id("linear") == champion.recipe_id


@pytest.mark.parametrize(
    "changed",
    [
        {"place.language": "pt"},
        {"place.week": {"numbering": "iso"}},
        {"labels.rule": {"kind": "quantile", "q": 0.5, "reference": ["2015-w01", "2017-w52"]}},
    ],
)
def test_a_first_champion_of_other_prompts_weeks_or_labels_is_not_imitated(
    changed: dict[str, Any],
) -> None:
    champion = _champion("ci", "early", max_epochs=3)
    assert champion_profile(champion, load_profile("ci", **changed)) is None


def test_one_model_of_one_week_counts_as_trained_on_one_dataset_whatever_its_name() -> None:
    champion = _champion("ci", "linear")
    same = {name: getattr(champion, name) for name in ("recipe_id", "as_of_week", "weights_id")}
    facts = {**same, "bundle_id": "new", "dataset_version": "d2"}
    assert _data_of(candidate(**facts), champion) == "d1"
    for other in ({"weights_id": "w2"}, {"as_of_week": "2018-w49"}, {"recipe_id": "r2"}):
        assert _data_of(candidate(**{**facts, **other}), champion) == "d2"
    unknown = champion.model_copy(update={"weights_id": ""})
    assert _data_of(candidate(**{**facts, "weights_id": ""}), unknown) == "d2"
    assert _data_of(candidate(**facts), None) == "d2"
