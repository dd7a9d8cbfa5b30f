"""From a catalogue to the vectors that a forecast rests on: scenes that a person fetched for
the past, those that a weekly run fetches itself, and one that comes late."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from support.homes import Home
from support.publisher import serving
from support.stac import CELLS, UNIT, SceneFetcher, StacSite, in_cells, square, truth_of
from support.tabular import tabular_drop, tabular_profile

from pipelines import steps
from pipelines.place_config import PlaceConfig

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1800)]
OTHER = "76001"
PROFILE = "fetched"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[StacSite]:
    """Clear items of w44 to w46, an overcast one of w47, one of w48 with a cloud over one unit."""
    monkeypatch.delenv("DENGUARD_STAC_TOKEN", raising=False)
    site, clouds = StacSite(), np.zeros((CELLS, CELLS), dtype=bool)
    for day in (date(2018, 10, 30), date(2018, 11, 6), date(2018, 11, 14)):
        site.add(day)
    site.add(date(2018, 11, 20), cloudy=~clouds)
    clouds[3:7, 9:14] = True  # over the other unit
    site.add(date(2018, 11, 28), cloudy=clouds, added=1000, s2__processing_baseline="04.00")
    with serving(site):
        yield site


@pytest.fixture
def home(site: StacSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A deployment of 45 municipalities, of which two have shapes; its weekly runs fetch scenes."""
    home = Home(tmp_path / "home")
    tabular_drop(home.path / "data" / "drops", tmp_path)
    monkeypatch.setenv("DENGUARD_HOME", str(home.path))
    declare(site, home)
    return home


def declare(site: StacSite, home: Home, **changed: Any) -> None:
    """Write the profile."""
    folder = home.path / "profiles"
    folder.mkdir(exist_ok=True)
    fetch = SceneFetcher(site, home.path / "scenes")
    fetch.units = {UNIT: [square(2, 3, 5, 4)], OTHER: [square(9, 3, 5, 4)]}
    fetch.profile(folder).unlink()  # its shapes stay
    settings = fetch.settings(resolution_m=60, weekly=True, weekly_periods=2, **changed)
    tabular_profile(
        folder / f"{PROFILE}.yaml",
        place={"boundaries": {"file": "units.geojson", "code": "code"}},
        train={"heads": ["linear", "early"]},
        satellite=settings.model_dump(mode="json", exclude_defaults=True),
    )


def on(day: date, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PlaceConfig, "today", lambda _: day)


def rows_of(home: Home, run_id: str) -> pd.DataFrame:
    """The rows that see a scene, each of whose vectors is in the feature version."""
    folder = home.path / str(home.output(run_id, "features")["features"])
    rows = pd.read_parquet(folder / "rows.parquet")
    seen = rows[rows["image_key"].notna()]
    shards = pd.concat([pd.read_parquet(path) for path in (folder / "shards").rglob("*.parquet")])
    assert set(seen["image_key"]) <= set(shards["key"])
    return seen.set_index(["unit_id", "origin_week"])


def test_the_vectors_of_a_run_come_from_scenes_that_were_fetched(
    site: StacSite, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(date(2018, 12, 4), monkeypatch)
    folder = home.path / "scenes"
    weeks = ("--from", "2018-w44", "--to", "2018-w46", "--to-folder", str(folder))
    home.denguard_here("fetch", "scenes", "--profile", PROFILE, *weeks)
    by_hand = ("--images", str(folder / "images"), "--scene-period", "week")
    home.denguard_here("drop", "--profile", PROFILE, "--received", "2018-12-03", *by_hand)

    the_cap_is_kept(site, home)
    before = site.sent
    home.denguard_here("run", "--profile", PROFILE, "--horizon", "4", "--run-id", "first")
    fetched = home.output("first", "fetch_scenes")
    assert (fetched["ending"], fetched["drop"]) == ("fetched", "2018-12-04.scenes")
    assert fetched["bytes_read"] == site.sent - before > 0
    assert (fetched["written"], fetched["scenes"], fetched["late_scenes"]) == (1, 1, 0)
    assert fetched["without"] == {"nothing of the unit is clear": 3}
    the_pixels_are_the_truth(home)

    rows = rows_of(home, "first")
    assert set(rows["image_uri"].str.split("/").str[1]) == {"2018-12-03.scenes", fetched["drop"]}
    newest = rows.xs("2018-w48", level="origin_week")
    assert newest["image_date"].map(str).to_dict() == {UNIT: "2018-11-25", OTHER: "2018-11-11"}
    assert newest["image_age_weeks"].to_dict() == {UNIT: 0, OTHER: 2}
    assert rows["image_key"].nunique() == 7
    a_forecast_leads_to_them(home)

    on(date(2018, 12, 7), monkeypatch)
    site.add(date(2018, 11, 22))
    late_scenes_come_alone(home)


def the_cap_is_kept(site: StacSite, home: Home) -> None:
    """A run whose cap is far too low makes no drop, and what it read is not read again."""
    declare(site, home, max_bytes=60_000)
    steps.start("capped", {"profile": PROFILE, "horizons": [4]})
    before = site.sent
    output = steps.fetch_scenes("capped")
    assert (output.ending, output.drop) == ("stopped by the cap", None)
    assert output.bytes_read == site.sent - before <= 60_000
    declare(site, home)


def the_pixels_are_the_truth(home: Home) -> None:
    """Of either baseline, without an offset."""
    for drop, first, day in (
        ("2018-12-03.scenes", "2018-11-11", date(2018, 11, 14)),
        ("2018-12-04.scenes", "2018-11-25", date(2018, 11, 28)),
    ):
        path = home.path / "data" / "drops" / drop / "images" / UNIT / f"image_{first}.tiff"
        with rasterio.open(path) as scene:
            assert np.array_equal(in_cells(scene.read(), 60), truth_of(day))


def a_forecast_leads_to_them(home: Home) -> None:
    table = pd.read_parquet(
        home.path / str(home.output("first", "forecast")["forecast"]) / "forecast.parquet"
    ).set_index("municipality_code")
    assert table.loc[UNIT, "scene_date"] == "2018-11-25"
    assert not table.loc[UNIT, "scene_synthetic"]
    told = json.loads(home.denguard_here("trace", f"2018-w48/{UNIT}/4", "--json", "--verify"))
    assert told["broken"] == []
    drops = {key.partition("@")[0] for key in told["up"] if key.startswith("drop:")}
    assert drops == {"drop:2018-12-03.scenes", "drop:2018-12-04", "drop:2018-12-04.scenes"}
    report = home.path / str(home.output("first", "report")["report"])
    assert "New scenes: fetched; 1 scene in drop 2018-12-04.scenes" in report.read_text("utf-8")


def late_scenes_come_alone(home: Home) -> None:
    """A week that was overcast got a clear day: its scenes alone are news, and marked as late."""
    steps.start("second", {"profile": PROFILE, "horizons": [4]})
    for name in ("fetch_scenes", "ingest", "validate", "snapshot", "plan_embedding", "embed"):
        steps.by_name(name)("second")
    steps.features("second")
    fetched = home.output("second", "fetch_scenes")
    assert (fetched["drop"], fetched["scenes"], fetched["late_scenes"]) == (
        "2018-12-07.scenes",
        2,
        2,
    )
    assert {late["days_after_period"] for late in fetched["late"]} == {13}
    assert fetched["newest_age_days"] == fetched["oldest_age_days"] == 15
    versions = {home.output(run, "snapshot")["dataset_version"] for run in ("first", "second")}
    assert len(versions) == 2
    plan = home.output("second", "plan_embedding")
    listed = json.loads((home.path / str(plan["new_inputs"])).read_text("utf-8"))
    assert listed["image"] == [f"drops/2018-12-07.scenes/images/{OTHER}/image_2018-11-18.tiff"]
    rows = rows_of(home, "second").xs("2018-w48", level="origin_week")
    assert rows["image_date"].map(str).to_dict() == {UNIT: "2018-11-25", OTHER: "2018-11-18"}
    assert rows["image_age_weeks"].to_dict() == {UNIT: 0, OTHER: 1}, "as old as what it shows"
