"""`--boundaries`: shapes held against the files, laid beside the profile, and checked from
then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.onboarding import counts, csv, note_of, onboarded
from support.shapes import grid, written
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import load_profile
from pipelines.errors import ConfigError

SHORT = ("2022-w01", "2026-w45")
FLAGS = ("--numbering", "cdc", "--received", "2026-11-16", "--yes")


@pytest.fixture
def file(home, tmp_path) -> Path:
    return csv(tmp_path / "cases.csv", counts(*SHORT))


def test_shapes_are_laid_beside_the_profile_which_names_them(file, home, tmp_path):
    shapes = written(tmp_path / "anything.json", grid("AB"))
    done = CliRunner().invoke(app, ["onboard", str(file), *FLAGS, "--boundaries", str(shapes)])
    assert done.exit_code == 0, done.output
    assert "2 of 3 units have a shape, by the property 'code'" in done.output
    beside = home / "profiles" / "cases.geojson"
    assert beside.read_bytes() == shapes.read_bytes()
    declared = load_profile("cases").place.boundaries
    assert declared is not None and (declared.file, declared.code) == (beside, "code")


def test_validate_warns_of_units_without_a_shape(file, home, tmp_path):
    shapes = written(tmp_path / "anything.json", grid("AB"))
    CliRunner().invoke(app, ["onboard", str(file), *FLAGS, "--boundaries", str(shapes)])
    checked = CliRunner().invoke(
        app, ["validate", str(file), "--profile", "cases", "--received", "2026-11-17", "--json"]
    )
    found = json.loads(checked.output)
    assert {i["code"]: i["level"] for i in found["issues"]}["units-without-shape"] == "warning"
    assert not found["stops"]


def test_shapes_of_another_place_are_refused_before_anything_is_written(file, home, tmp_path):
    shapes = written(tmp_path / "f.geojson", grid("XY"))
    done = CliRunner().invoke(app, ["onboard", str(file), *FLAGS, "--boundaries", str(shapes)])
    assert isinstance(done.exception, ConfigError) and "A, B, C" in done.exception.fix
    assert not (home / "profiles").exists()


def test_a_property_that_must_be_said_is_asked_for_by_its_flag(file, home, tmp_path):
    shapes = grid("AB")
    for one, other in zip(shapes, "BA", strict=True):
        one["properties"]["other"] = other
    path = written(tmp_path / "f.geojson", shapes)
    with pytest.raises(ConfigError, match="equally well") as caught:
        onboarded(file, numbering="cdc", boundaries=path)
    assert "--boundaries-code" in caught.value.fix
    made = onboarded(file, numbering="cdc", boundaries=path, boundaries_code="other")
    assert "'other'" in note_of(made, "map")


def test_other_shapes_of_that_name_are_never_overwritten(file, home, tmp_path):
    (home / "profiles").mkdir()
    (home / "profiles" / "cases.geojson").write_text("{}")
    shapes = written(tmp_path / "f.geojson", grid("ABC"))
    done = CliRunner().invoke(app, ["onboard", str(file), *FLAGS, "--boundaries", str(shapes)])
    assert isinstance(done.exception, ConfigError) and "never overwritten" in str(done.exception)
    assert (home / "profiles" / "cases.geojson").read_text() == "{}"
    assert not (home / "data").exists()


def test_boundaries_change_no_model(file, home, tmp_path):
    shapes = written(tmp_path / "f.geojson", grid("ABC"))
    with_map = onboarded(file, numbering="cdc", boundaries=shapes).profile
    assert with_map.recipe_id("linear") == onboarded(file, numbering="cdc").profile.recipe_id(
        "linear"
    )
    assert with_map.place.portable().boundaries is None
