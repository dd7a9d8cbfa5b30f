"""A weekly run's own fetch: each way it can end, what its record says, and that the run goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from support.stac import CELLS, UNIT, SceneFetcher, StacSite, square

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.data.drops import Drop, read_drop
from pipelines.place_config import PlaceConfig
from pipelines.run import open_run, start_run
from pipelines.run.outputs import SceneFetchOutput
from pipelines.run.withdrawn import withdraw
from pipelines.satellite import weekly, weekly_child
from pipelines.satellite.periods import newest_periods
from pipelines.steps.report_inputs import scenes_fetched
from pipelines.steps.scene_words import is_trouble, said
from pipelines.weeks import CDC

TODAY = date(2024, 11, 12)  # the newest two weeks that are over: from 3 November, from 27 October
QUICK = {"timeout_s": 0.5, "retries": 0}
Fetch = Callable[..., SceneFetchOutput]


@pytest.fixture
def run(fetch: SceneFetcher, home: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """The step, in a run of its own, by a profile that asks for the newest two weeks."""
    monkeypatch.setattr(PlaceConfig, "today", lambda _: TODAY)
    (home / "profiles").mkdir()

    def step(run_id: str, as_of: str | None = None, **changed: object) -> SceneFetchOutput:
        said = {"weekly": True, "weekly_periods": 2, **QUICK, **changed}
        fetch.profile(home / "profiles", **said)
        start_run(run_id, {"profile": "town", "as_of": as_of})
        output = steps.fetch_scenes(run_id)
        assert open_run(run_id).output(SceneFetchOutput) == output
        return output

    return step


def drop_of(home: Path, output: SceneFetchOutput) -> Drop:
    assert output.drop is not None
    return read_drop(home / "data" / "drops" / output.drop)


def scenes_of(drop: Drop) -> list[str]:
    return sorted(p.relative_to(drop.path / "images").as_posix() for p in drop.path.rglob("*.tiff"))


def test_it_is_off_unless_the_profile_asks_and_a_look_back_asks_for_nothing(
    run: Fetch, site: StacSite
) -> None:
    assert run("plain", weekly=False).ending == "off"
    assert run("back", as_of="2024-w20").ending == "off"
    assert site.asked == []
    assert scenes_fetched(open_run("plain")) == ""


def test_what_is_new_becomes_a_drop_and_the_record_says_what_came(
    run: Fetch, site: StacSite, home: Path
) -> None:
    site.add(date(2024, 11, 6))
    output = run("first")
    assert (output.ending, output.reason) == ("fetched", "")
    assert output.bytes_read == site.sent > 0
    assert (output.units, output.written, output.left) == (1, 1, 0)
    assert output.periods == (date(2024, 11, 3), date(2024, 10, 27))
    assert output.without == {"the catalogue has no item of the unit in this period": 1}
    assert (output.newest_age_days, output.oldest_age_days, output.late_scenes) == (6, 6, 0)
    drop = drop_of(home, output)
    assert (drop.name, scenes_of(drop)) == ("2024-11-12.scenes", [f"{UNIT}/image_2024-11-03.tiff"])
    assert drop.info.scene_available(date(2024, 11, 3)) == date(2024, 11, 9)
    (line,) = (drop.path / "scene_observations.csv").read_text().splitlines()[1:]
    assert line == f"{UNIT}/image_2024-11-03.tiff,1.0,0.0,2024-11-06"
    assert steps.ingest("first").dates == {"2024-11-12.scenes"}
    line = scenes_fetched(open_run("first"))
    assert line == said(output)
    assert line.startswith(
        "fetched; 1 scene in drop 2024-11-12.scenes, its newest view is 6 days old; asked for 2 "
        "periods of 1 unit,"
    )
    assert not is_trouble(line)


def test_nothing_new_makes_no_drop(run: Fetch, site: StacSite, home: Path) -> None:
    site.add(date(2024, 11, 6))
    run("first")
    again = run("second")
    assert (again.ending, again.drop, again.here) == ("nothing new", None, 2)
    assert [p.name for p in (home / "data/drops").iterdir()] == ["2024-11-12.scenes"]


def test_a_step_that_is_run_again_names_the_drop_that_its_run_made(
    run: Fetch, site: StacSite
) -> None:
    site.add(date(2024, 11, 6))
    assert run("first").drop == run("first").drop == "2024-11-12.scenes"


def test_a_late_scene_comes_alone_and_is_marked(run: Fetch, site: StacSite, home: Path) -> None:
    site.add(date(2024, 11, 6))
    run("first")
    site.add(date(2024, 10, 29))
    output = run("second")
    drop = drop_of(home, output)
    assert scenes_of(drop) == [f"{UNIT}/image_2024-10-27.tiff"]
    assert drop.name == "2024-11-12.scenes.2"
    (late,) = output.late
    assert (late.unit_id, late.first_day, late.days_after_period) == (UNIT, date(2024, 10, 27), 10)
    assert drop.info.scene_available(date(2024, 10, 27)) == date(2024, 11, 5)
    assert f"late: {UNIT} from 2024-10-27, 10 days after its period" in said(output)


def test_the_cap_is_kept_and_later_runs_end_the_work(
    run: Fetch, site: StacSite, fetch: SceneFetcher
) -> None:
    fetch.units = {UNIT: [square(0, 0, CELLS, CELLS)]}
    for day in (date(2024, 10, 29), date(2024, 11, 6)):
        site.add(day, noise=day.day)
    endings = []
    while not endings or endings[-1] != "fetched":
        before = site.sent
        output = run(f"r{len(endings)}", max_bytes=400_000)
        assert output.bytes_read == site.sent - before <= 400_000
        assert is_trouble(said(output)) == (output.ending != "fetched")
        endings.append(output.ending)
        assert len(endings) < 9
    assert endings[0] == "stopped by the cap"


def test_a_failed_fetch_is_told_and_what_was_finished_before_makes_a_drop(
    run: Fetch, site: StacSite, home: Path
) -> None:
    site.add(date(2024, 11, 6))
    name = site.add(date(2024, 10, 29))
    site.faults[f"/{name}/B02.tif"] = [("status", 403)] * 9
    output = run("first")
    assert output.ending == "failed" and "refuses (403)" in output.reason
    assert output.bytes_read == site.sent
    assert scenes_of(drop_of(home, output)) == [f"{UNIT}/image_2024-11-03.tiff"]
    assert is_trouble(said(output))


def test_a_catalogue_that_is_away_stops_nothing(run: Fetch, site: StacSite, home: Path) -> None:
    site.faults["/stac"] = [("status", 503)] * 9
    output = run("first")
    assert (output.ending, output.drop) == ("failed", None)
    assert "503" in output.reason
    assert "the run goes on with the scenes of earlier drops" in said(output)
    assert steps.ingest("first").dates == set()


def test_a_profile_that_cannot_be_fetched_by_is_told(
    run: Fetch, home: Path, fetch: SceneFetcher
) -> None:
    fetch.units = {"../05001": fetch.units[UNIT]}
    assert "cannot name a folder" in run("first").reason


def instead(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    """Another program in the place of the fetching process."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(weekly.sys, "executable", str(program))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("kill -9 $$", "was killed by signal 9: it said nothing"),
        ("echo 'no memory' >&2; exit 7", "ended with exit code 7: no memory"),
        ("echo 'no answer'", "ended with exit code 0: it said nothing"),
    ],
)
def test_a_fetching_process_that_dies_stops_nothing(
    run: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    instead(monkeypatch, tmp_path, script)
    output = run("first")
    assert (output.ending, output.bytes_read) == ("failed", None)
    assert output.reason == f"the fetching process {reason}"


def test_a_fetching_process_that_never_ends_is_ended(
    run: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, tmp_path, "exec sleep 600")
    monkeypatch.setattr(weekly, "_GRACE_S", 0.0)
    output = run("first", weekly_minutes=0.001)
    assert (output.ending, output.bytes_read) == ("stopped by the time", None)
    assert "MB" not in said(output)


def test_nothing_is_read_once_the_time_is_over(
    run: Fetch, site: StacSite, home: Path, tmp_path: Path
) -> None:
    run("off", weekly=False)
    site.add(date(2024, 11, 6))
    came = weekly_child.fetch("town", tmp_path / "scenes", TODAY, until=time.monotonic() - 1)
    assert (came.stopped, came.left, came.bytes_read, came.error) == ("time", 2, 0, "")
    assert site.asked == []


def test_the_fetching_process_ends_with_the_one_that_waits_for_it(
    run: Fetch, site: StacSite, home: Path
) -> None:
    run("off", weekly=False)
    site.faults["/stac"] = [("hang", 20)]
    command = [sys.executable, "-m", "pipelines.satellite.weekly_child", "town"]
    command += [str(home / "scenes"), TODAY.isoformat(), "600", str(os.getpid() + 1)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_scenes_that_a_person_withdrew_do_not_come_again_by_themselves(
    run: Fetch, site: StacSite, home: Path
) -> None:
    site.add(date(2024, 11, 6))
    run("first")
    paths = DeploymentPaths(home=home)
    withdraw(paths, "drop", "2024-11-12.scenes", "Ana", "smoke, not seen as cloud")
    again = run("second")
    assert (again.ending, again.drop) == ("nothing new", None)
    assert steps.ingest("second").dates == set()


def test_old_scenes_go_once_they_are_in_a_drop(
    run: Fetch, site: StacSite, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add(date(2024, 10, 29))
    run("first")
    kept = home / "artifacts" / "scenes"
    assert [p.name for p in kept.rglob("*.tiff")] == ["image_2024-10-27.tiff"]
    monkeypatch.setattr(PlaceConfig, "today", lambda _: date(2024, 12, 3))
    assert run("later").ending == "nothing new"
    assert list(kept.rglob("*.tiff")) == []
    assert all("2024-10-27" not in p.name for p in kept.rglob("*.json"))


def test_an_overcast_week_has_no_scene_and_the_record_says_why(run: Fetch, site: StacSite) -> None:
    site.add(date(2024, 11, 6), cloudy=np.ones((CELLS, CELLS), dtype=bool))
    output = run("first")
    assert (output.ending, output.drop) == ("nothing new", None)
    assert output.without["nothing of the unit is clear"] == 1
    assert "no scene of 1: nothing of the unit is clear" in said(output)


def test_the_newest_periods_are_so_many_and_those_that_may_still_become_better() -> None:
    weeks = newest_periods("week", CDC, 1, 14, TODAY)
    assert [p.last for p in weeks] == [date(2024, 11, 9), date(2024, 11, 2)]
    assert len(newest_periods("week", CDC, 4, 14, TODAY)) == 4
    months = newest_periods("month", CDC, 2, 14, TODAY)
    assert [(p.first, p.last) for p in months] == [
        (date(2024, 10, 1), date(2024, 10, 31)),
        (date(2024, 9, 1), date(2024, 9, 30)),
    ]
