"""A prompt template of the place's own: where it lies, and that it is part of what makes a
model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.config import load_profile
from pipelines.data.prompts import template_of
from pipelines.errors import ConfigError
from pipelines.place_config import shipped_prompts


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of profiles with a template in it."""
    shutil.copyfile(shipped_prompts()["fr"], tmp_path / "ours.yaml")
    ci = load_profile("ci").model_dump_json()
    (tmp_path / "mine.yaml").write_text(ci, encoding="utf-8")
    return tmp_path


def test_a_template_is_looked_for_beside_the_profile(own: Path) -> None:
    profile = load_profile(str(own / "mine.yaml"), **{"place.prompt": "ours.yaml"})
    assert profile.place.prompt == own / "ours.yaml"
    assert template_of(profile.place).unknown == "non disponible"


def test_a_profile_that_is_printed_and_read_again_names_the_same_template(own: Path) -> None:
    profile = load_profile(str(own / "mine.yaml"), **{"place.prompt": "ours.yaml"})
    elsewhere = own / "printed" / "again.yaml"
    elsewhere.parent.mkdir()
    elsewhere.write_text(profile.model_dump_json(), encoding="utf-8")
    assert load_profile(str(elsewhere)) == profile


def test_another_template_makes_another_model_where_text_is_read_and_only_there(own: Path) -> None:
    file = str(own / "mine.yaml")
    shipped, ours = load_profile(file), load_profile(file, **{"place.prompt": "ours.yaml"})
    before = ours.recipe_id("late_joint")
    assert before != shipped.recipe_id("late_joint")
    assert ours.recipe_id("linear") == shipped.recipe_id("linear")
    (own / "ours.yaml").write_text("template: '{municipality}'", encoding="utf-8")
    assert ours.recipe_id("late_joint") != before


def test_a_template_that_is_not_there_is_refused_with_its_path(own: Path) -> None:
    profile = load_profile(str(own / "mine.yaml"), **{"place.prompt": "theirs.yaml"})
    with pytest.raises(ConfigError, match=r"theirs\.yaml.*place\.prompt"):
        profile.recipe_id("late_joint")


def test_a_model_keeps_no_path_of_the_machine_that_trained_it(own: Path) -> None:
    profile = load_profile(str(own / "mine.yaml"), **{"place.prompt": "ours.yaml"})
    assert str(own) not in profile.place.portable().model_dump_json()
    assert load_profile("ci").place.portable() == load_profile("ci").place
