"""From the profile's lines to scenes that a run can use: the two commands of docs/scenes.md."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from support.stac import UNIT, SceneFetcher, StacSite, square
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.codes import TextCodes
from pipelines.config import ScenePolicy
from pipelines.contracts import BANDS, SceneQuality
from pipelines.data.drops import read_drop
from pipelines.data.scenes import scan_scenes
from pipelines.errors import ConfigError
from pipelines.place_config import PlaceConfig
from pipelines.satellite.periods import periods
from pipelines.satellite_config import SatelliteConfig
from pipelines.weeks import CDC, ISO

PAGE = (Path(__file__).parents[2] / "docs" / "scenes.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"<!-- example: scenes -->\n```yaml\n(.*?)```", PAGE, re.S)
FETCH, DROP = re.findall(r"^\$ denguard (.*)$", PAGE, re.M)
CASES = "unit,year,week,cases\n" + "".join(f"{UNIT},2024,{week},5\n" for week in range(30, 46))


def test_the_pages_commands_bring_scenes_that_a_run_can_use(
    site: StacSite,
    fetch: SceneFetcher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DENGUARD_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for day in (date(2024, 11, 4), date(2024, 11, 12)):
        site.add(day, added=1000, s2__processing_baseline="05.11")
    (tmp_path / "profiles").mkdir()
    fetch.profile(tmp_path / "profiles").rename(tmp_path / "profiles" / "districts.yaml")
    (tmp_path / "next.csv").write_text(CASES)
    told = CliRunner().invoke(app, [*FETCH.split(), "--to", "2024-w46"])
    assert told.exit_code == 0, told.output
    assert "2 scenes written" in told.output
    assert f"no scene of {UNIT} from 2024-10-27: the catalogue has no item" in told.output
    made = CliRunner().invoke(app, DROP.split())
    assert made.exit_code == 0, made.output
    drop = read_drop(tmp_path / "data/drops/2024-11-12")
    assert drop.info.scene_period == "week"
    scenes = scan_scenes(drop, ScenePolicy(), tmp_path / "cache.json", TextCodes())
    assert list(scenes["unit_id"]) == [UNIT, UNIT]
    assert list(scenes["scene_date"]) == [date(2024, 11, 3), date(2024, 11, 10)]
    assert list(scenes["problem"]) == ["", ""]
    assert set(scenes["quality"]) == {SceneQuality.OK.value}
    assert scenes["content_sha256"].nunique() == 2


def test_the_pages_lines_are_a_profiles() -> None:
    said = yaml.safe_load(EXAMPLE)
    settings = SatelliteConfig.model_validate(said["satellite"])
    assert (settings.names[0], settings.names[-1], settings.mask) == ("coastal", "swir22", "scl")
    assert len(set(settings.names)) == len(BANDS)
    assert PlaceConfig.model_validate(said["place"]).boundaries is not None


def test_an_asset_of_no_band_of_ours_is_refused() -> None:
    with pytest.raises(ValidationError, match="'B10' is none of our bands"):
        SatelliteConfig(url="https://stac.example.org", assets={"B10": "cirrus"})


def test_a_reached_cap_is_told_and_ends_with_1(
    site: StacSite, fetch: SceneFetcher, tmp_path: Path
) -> None:
    site.add(date(2024, 11, 4), noise=1)
    fetch.units = {UNIT: [square(0, 0, 17, 17)]}
    command = ["fetch", "scenes", "--profile", str(fetch.profile(tmp_path, resolution_m=10))]
    command += ["--from", "2024-w45", "--to", "2024-w45", "--to-folder", str(fetch.to)]
    told = CliRunner().invoke(app, [*command, "--max-mb", "1"])
    assert told.exit_code == 1
    assert "the cap is reached: 1 units and periods are left; run it again" in told.output


def test_a_profile_without_a_catalogue_says_what_to_write(tmp_path: Path) -> None:
    command = ["fetch", "scenes", "--from", "2018-w40", "--to-folder", str(tmp_path)]
    told = CliRunner().invoke(app, command)
    assert isinstance(told.exception, ConfigError)
    assert "satellite: {url:" in str(told.exception)


def test_a_unit_without_a_shape_is_refused(
    site: StacSite, fetch: SceneFetcher, tmp_path: Path
) -> None:
    command = ["fetch", "scenes", "--profile", str(fetch.profile(tmp_path)), "--unit", "99"]
    told = CliRunner().invoke(app, [*command, "--from", "2024-w45", "--to-folder", str(tmp_path)])
    assert "unit '99' has no shape" in str(told.exception)


def test_a_code_cannot_lead_out_of_the_folder(
    site: StacSite, fetch: SceneFetcher, tmp_path: Path
) -> None:
    fetch.units = {"../05001": fetch.units[UNIT]}
    command = ["fetch", "scenes", "--profile", str(fetch.profile(tmp_path))]
    told = CliRunner().invoke(app, [*command, "--from", "2024-w45", "--to-folder", str(tmp_path)])
    assert "cannot name a folder" in str(told.exception)


def test_periods_are_the_places_weeks_the_newest_first() -> None:
    today = date(2024, 11, 13)
    weeks = periods("week", CDC, "2024-w44", None, today)
    assert [(p.first.isoformat(), p.last.isoformat()) for p in weeks] == [
        ("2024-11-03", "2024-11-09"),
        ("2024-10-27", "2024-11-02"),
    ]
    assert periods("week", ISO, "2024-w45", "2024-w45", today)[0].first == date(2024, 11, 4)
    months = periods("month", CDC, "2024-w36", "2024-w50", today)
    assert [p.first for p in months] == [date(2024, 10, 1), date(2024, 9, 1)]


def test_a_period_that_is_not_over_has_no_scene_yet() -> None:
    with pytest.raises(ConfigError, match="no week from 2024-w46 to today is over"):
        periods("week", CDC, "2024-w46", None, date(2024, 11, 13))
