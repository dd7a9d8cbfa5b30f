"""From the profile's lines to scenes that a run can use: the two commands of docs/scenes.md."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from support.stac import UNIT, SceneFetcher, StacSite, square
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.codes import TextCodes
from pipelines.config import ScenePolicy
from pipelines.contracts import SceneQuality
from pipelines.data.drops import read_drop
from pipelines.data.scenes import scan_scenes
from pipelines.errors import ConfigError
from pipelines.satellite.periods import periods
from pipelines.weeks import CDC, ISO

CASES = "unit,year,week,cases\n" + "".join(f"{UNIT},2024,{week},5\n" for week in range(30, 46))


def test_fetched_scenes_are_usable_scenes_of_a_drop(
    site: StacSite,
    fetch: SceneFetcher,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DENGUARD_HOME", str(tmp_path))
    site.add(date(2024, 11, 4), added=1000, s2__processing_baseline="05.11")
    site.add(date(2024, 10, 29), added=1000, s2__processing_baseline="05.11")
    profile = fetch.profile(tmp_path)
    asked = ["--profile", str(profile), "--from", "2024-w43", "--to", "2024-w45"]
    told = CliRunner().invoke(app, ["fetch", "scenes", *asked, "--to-folder", str(fetch.to)])
    assert told.exit_code == 0, told.output
    assert "2 scenes written" in told.output
    assert f"no scene of {UNIT} from 2024-10-20: the catalogue has no item" in told.output
    (tmp_path / "cases.csv").write_text(CASES)
    drop = [str(tmp_path / "cases.csv"), "--images", str(fetch.to / "images")]
    made = CliRunner().invoke(
        app, ["drop", "--profile", str(profile), "--received", "2024-11-12", *drop]
    )
    assert made.exit_code == 0, made.output
    scenes = scan_scenes(
        read_drop(tmp_path / "data/drops/2024-11-12"),
        ScenePolicy(),
        tmp_path / "cache.json",
        TextCodes(),
    )
    assert list(scenes["unit_id"]) == [UNIT, UNIT]
    assert list(scenes["scene_date"]) == [date(2024, 10, 27), date(2024, 11, 3)]
    assert list(scenes["problem"]) == ["", ""]
    assert set(scenes["quality"]) == {SceneQuality.OK.value}
    assert scenes["content_sha256"].nunique() == 2


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
    today = datetime(2024, 11, 13).date()
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
