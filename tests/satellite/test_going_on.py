"""A cap, a kill, a later call: nothing is read beyond, nothing is read twice, nothing is half."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from support.killed import dies_at
from support.stac import UNIT, WEEK, SceneFetcher, StacSite, square

from pipelines.errors import ConfigError, FetchError
from pipelines.satellite.periods import Period

LAST_WEEK = Period(date(2024, 10, 27), date(2024, 11, 2))
IMAGES = [f"{UNIT}/image_2024-10-27.tiff", f"{UNIT}/image_2024-11-03.tiff"]


@pytest.fixture
def two_weeks(site: StacSite) -> StacSite:
    for day in (date(2024, 10, 28), date(2024, 11, 4), date(2024, 11, 6)):
        site.add(day, noise=day.day)
    return site


def test_the_cap_is_never_passed_and_later_calls_end_the_work(
    two_weeks: StacSite, fetch: SceneFetcher, tmp_path: Path
) -> None:
    cap, calls = 300_000, []
    while not calls or calls[-1].left:
        before = two_weeks.sent
        calls.append(fetch(WEEK, LAST_WEEK, max_bytes=cap))
        assert calls[-1].bytes_read == two_weeks.sent - before <= cap
        assert len(calls) < 20
    assert len(calls) > 3
    assert sum(len(call.written) for call in calls) == 2
    at_once = SceneFetcher(two_weeks, tmp_path / "at-once")
    assert at_once(WEEK, LAST_WEEK).left == 0
    assert fetch.files() == at_once.files()
    assert list(fetch.files()) == IMAGES


def test_an_answer_that_broke_off_counts_against_the_cap(
    site: StacSite, fetch: SceneFetcher
) -> None:
    name = site.add(date(2024, 11, 5), noise=1)
    whole = SceneFetcher(site, fetch.to.with_name("whole"))().bytes_read
    site.faults[f"/{name}/B12.tif"] = [("none",), ("cut", 1000)]  # its last piece
    before = site.sent
    assert fetch(max_bytes=whole).left == 1
    assert site.sent - before <= whole
    assert len(fetch(max_bytes=whole).written) == 1


def test_a_cap_below_one_file_is_named(two_weeks: StacSite, fetch: SceneFetcher) -> None:
    """Else every call would read the same bytes, and none would get on."""
    with pytest.raises(FetchError, match="too few for the next file"):
        fetch(max_bytes=12_000)


def test_the_newest_period_comes_first(two_weeks: StacSite, fetch: SceneFetcher) -> None:
    done = fetch(WEEK, LAST_WEEK, max_bytes=900_000)
    while not done.written:
        done = fetch(WEEK, LAST_WEEK, max_bytes=900_000)
    assert [record.first_day for record in done.written] == [WEEK.first]


def test_the_records_know_the_bytes_of_all_calls(two_weeks: StacSite, fetch: SceneFetcher) -> None:
    written = []
    while not written:
        written = fetch(max_bytes=700_000).written
    of_files = sum(
        int(end) - int(start) + 1
        for path in two_weeks.bodies
        if "202411" in path
        for start, end in (text[6:].split("-") for text in two_weeks.ranges(path) if text)
    )
    assert 0.6 * of_files < written[0].bytes_read <= of_files  # what the cap cut off is read again


def test_what_is_finished_is_not_asked_again(two_weeks: StacSite, fetch: SceneFetcher) -> None:
    fetch(WEEK, LAST_WEEK)
    asked = len(two_weeks.asked)
    again = fetch(WEEK, LAST_WEEK)
    assert (again.here, again.written, again.bytes_read) == (2, [], 0)
    assert len(two_weeks.asked) == asked


def test_a_period_without_a_scene_is_finished_too(site: StacSite, fetch: SceneFetcher) -> None:
    assert len(fetch().without) == 1
    asked = len(site.asked)
    assert fetch().here == 1
    assert len(site.asked) == asked


def test_a_late_item_renews_the_scene(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(date(2024, 11, 4))
    soon, later = date(2024, 11, 11), date(2024, 11, 18)
    assert fetch(today=soon).written[0].age_days == 5
    asked = len(site.asked)
    assert fetch(today=later).here == 1
    assert [one.path[:5] for one in site.asked[asked:]] == ["/stac"] * 2  # and no file
    site.add(date(2024, 11, 8))
    (record,) = fetch(today=later).written
    assert (record.age_days, len(record.observation_days)) == (1, 2)


def test_an_item_that_was_passed_over_is_tried_again_while_it_may_come(
    site: StacSite, fetch: SceneFetcher
) -> None:
    name = site.add(date(2024, 11, 4))
    band = site.bodies.pop(f"/{name}/B05.tif")
    assert len(fetch(today=date(2024, 11, 11)).without) == 1
    site.bodies[f"/{name}/B05.tif"] = band
    assert len(fetch(today=date(2024, 11, 12)).written) == 1


def test_other_settings_make_other_scenes(two_weeks: StacSite, fetch: SceneFetcher) -> None:
    fetch()
    before = fetch.files()
    assert len(fetch(resolution_m=80).written) == 1
    assert fetch.files() != before
    assert len(fetch(resolution_m=80, min_clear_share=1.0, clear=(6,)).without) == 1
    assert fetch.files() == {}


def test_weeks_and_months_do_not_share_a_folder(site: StacSite, fetch: SceneFetcher) -> None:
    fetch()
    with pytest.raises(ConfigError, match="holds scenes of each week"):
        fetch(Period(date(2024, 10, 1), date(2024, 10, 31)), period="month")


def test_a_scene_that_was_deleted_comes_again(two_weeks: StacSite, fetch: SceneFetcher) -> None:
    fetch()
    before = fetch.files()
    (fetch.to / "images" / IMAGES[1]).unlink()
    assert len(fetch().written) == 1
    assert fetch.files() == before


def test_a_kill_at_a_write_leaves_nothing_half(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(date(2024, 11, 5))
    fetch.units = {UNIT: [square(2, 3, 2, 2)]}
    for name in (2, 5, "image_2024-11-03.tiff", "2024-11-03.json", "scenes.csv"):
        assert dies_at(name, fetch)
        assert list(fetch.files()) in ([], IMAGES[1:])
    fetch()
    ended = fetch.files()
    untouched = SceneFetcher(site, fetch.to.with_name("untouched"))
    untouched.units = fetch.units
    untouched()
    assert ended == untouched.files()


def test_a_killed_command_goes_on_where_it_stopped(
    two_weeks: StacSite, fetch: SceneFetcher, tmp_path: Path
) -> None:
    """Kill -9 while a file of the second item is under way: the first item is not read again."""
    first, second = "S2A_20241104_0", "S2A_20241106_0"
    two_weeks.faults[f"/{second}/B08.tif"] = [("stall", 3000)]
    profile = fetch.profile(tmp_path, timeout_s=120)
    command = [sys.executable, "-m", "pipelines.cli", "fetch", "scenes", "--profile", str(profile)]
    command += ["--from", "2024-w45", "--to", "2024-w45", "--to-folder", str(fetch.to)]
    with subprocess.Popen(command, env=os.environ, cwd=Path(__file__).parents[2]) as running:
        end = time.monotonic() + 120
        while not two_weeks.times(f"/{second}/B08.tif"):
            assert running.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        running.send_signal(signal.SIGKILL)
    assert fetch.files() == {}
    asked = two_weeks.times(f"/{first}/B04.tif")
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "1 scenes written" in done.stdout
    assert two_weeks.times(f"/{first}/B04.tif") == asked
    assert list(fetch.files()) == IMAGES[1:]


def test_two_fetches_into_one_folder_do_not_mix(site: StacSite, fetch: SceneFetcher) -> None:
    from filelock import FileLock

    (fetch.to / ".fetch").mkdir(parents=True)
    with (
        FileLock(fetch.to / ".fetch" / "lock"),
        pytest.raises(FetchError, match="another fetch into this folder"),
    ):
        fetch()


def test_a_table_says_what_each_period_has(two_weeks: StacSite, fetch: SceneFetcher) -> None:
    fetch(WEEK, LAST_WEEK, Period(date(2024, 10, 20), date(2024, 10, 26)))
    rows = list(csv.DictReader((fetch.to / "scenes.csv").open()))
    told = [(row["first_day"], row["scene"] != "", row["age_days"]) for row in rows]
    assert told == [("2024-10-20", False, ""), ("2024-10-27", True, "5"), ("2024-11-03", True, "3")]
    assert rows[0]["reason"] == "the catalogue has no item of the unit in this period"
    assert rows[2]["observation_days"] == "2"
