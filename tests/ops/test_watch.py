"""The watchdog: late or not, by files and a given clock."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.run_folders import NOW, fail, move, walk
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import DeploymentPaths, load_profile
from pipelines.contracts import WITHOUT
from pipelines.errors import ValidationStopped
from pipelines.ops.watch import check_lateness
from pipelines.run.events import append_event
from pipelines.run.success import last_success, record_success
from pipelines.run.withdrawn import withdraw
from pipelines.storage import write_json

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    return DeploymentPaths(home=home)


def watch(home: Path, *arguments: str) -> tuple[int, str]:
    assert os.environ["DENGUARD_HOME"] == str(home)
    done = CliRunner().invoke(app, ["watch", *arguments])
    return done.exit_code, done.stdout


def test_the_command_exits_0_on_time_and_1_when_late(home: Path) -> None:
    assert watch(home, "--now", NOW.isoformat()) == (
        1,
        "LATE: no forecast was ever made here. What to do: denguard status shows the state of "
        "the cycle; start one in Airflow or with denguard run.\n",
    )
    walk(home, "weekly")
    code, output = watch(home, "--now", (NOW + 7 * DAY).isoformat())
    assert code == 0
    assert output.startswith(
        "on time: forecast 2026-w46-v of origin week 2026-w46 was finished 7.0 days ago by run "
        "weekly"
    )
    assert watch(home, "--now", (NOW + 7 * DAY).isoformat(), "--quiet") == (0, "")
    assert watch(home, "--now", (NOW + 9 * DAY).isoformat())[0] == 1
    assert watch(home, "--now", (NOW + 9 * DAY).isoformat(), "--max-age-days", "10")[0] == 0


def test_the_watchdog_starts_without_the_heavy_parts() -> None:
    code = (
        "import sys, pipelines.cli, pipelines.ops.alerts, pipelines.ops.status, "
        "pipelines.ops.show; print([m for m in ('torch', 'mlflow', 'pandas', 'httpx', 'pyarrow') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_run_on_unchanged_data_keeps_the_forecast_fresh(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly")
    walk(paths.home, "unchanged", at=NOW + 7 * DAY)
    assert not check_lateness(paths, NOW + 14 * DAY).late


def test_a_look_back_at_an_older_week_is_no_weekly_forecast(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly")
    assert record_success(paths, "look-back", "2016-w10", "v", NOW + 7 * DAY) is False
    assert (last_success(paths) or pytest.fail("lost")).run_id == "weekly"


def test_a_late_forecast_names_the_failure_behind_it_and_what_to_do(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly")
    fail(
        walk(paths.home, "next", "ingest", NOW + 7 * DAY),
        "validate",
        ValidationStopped("a column is missing", fix="deliver it"),
    )
    assert (
        "run next failed at step validate: a column is missing; deliver it"
        in check_lateness(paths, NOW + 9 * DAY).line()
    )
    code, output = watch(paths.home, "--now", (NOW + 7 * DAY).isoformat())
    assert code == 0
    assert (
        "but run next failed at step validate: a column is missing. What to do: deliver it."
        in output
    )


def test_a_drop_that_no_forecast_knows_makes_it_late_after_the_grace(
    paths: DeploymentPaths,
) -> None:
    walk(paths.home, "weekly")
    (paths.drops / "2026-11-20").mkdir(parents=True)
    assert not check_lateness(paths, NOW + DAY).late
    drop = paths.drops / "2026-11-24"
    drop.mkdir()
    arrived = (NOW + DAY).timestamp()
    os.utime(drop, (arrived, arrived))
    walk(paths.home, "again", at=NOW + 8 * DAY)  # it does not read the drop either
    assert not check_lateness(paths, NOW + 8 * DAY).late
    late = check_lateness(paths, NOW + 10 * DAY)
    assert late.why == ("drop 2026-11-24 lies there for more than 8 days and no forecast knows it",)


def test_an_old_drop_that_was_copied_in_today_has_its_grace(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly")
    (paths.drops / "2026-11-21").mkdir(parents=True)
    moment = (NOW + 6 * DAY).timestamp()
    os.utime(paths.drops / "2026-11-21", (moment, moment))
    assert not check_lateness(paths, NOW + 7 * DAY, max_age_days=7.5).late


def test_data_that_stopped_arriving_are_late_if_asked_for(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly", at=NOW)
    assert not check_lateness(paths, NOW).late
    assert (
        "no newer data arrived"
        in check_lateness(paths, NOW + 7 * DAY, max_origin_age_weeks=0).line()
    )


def test_a_clock_that_goes_wrong_is_said_and_not_taken_for_fresh(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly", at=NOW + DAY)
    assert "in the future" in check_lateness(paths, NOW).line()
    walk(paths.home, "weekly", at=NOW + timedelta(minutes=4))
    assert not check_lateness(paths, NOW).late


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"run_id": 1}',
        '{"run_id": "a", "finished_at": "2026-11-23", "origin_week": "2026-w46", '
        '"forecast_version": "v"}',
    ],
)
def test_a_damaged_note_is_late_with_a_way_out(paths: DeploymentPaths, text: str) -> None:
    paths.artifacts.mkdir()
    (paths.artifacts / "last_success.json").write_text(text)
    verdict = check_lateness(paths, NOW)
    assert verdict.late
    assert "delete it" in verdict.fix


def test_a_withdrawn_forecast_is_late_until_there_is_another(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly")
    withdraw(paths, "forecast", "2026-w46-v", "Ana", "made from wrong counts")
    verdict = check_lateness(paths, NOW + DAY)
    assert "the newest forecast, 2026-w46-v, was withdrawn on" in verdict.line()
    assert "by Ana: made from wrong counts" in verdict.line()
    record_success(paths, "again", "2026-w47", "2026-w47-v", NOW)
    assert not check_lateness(paths, NOW + DAY).late


def test_a_forecast_made_from_a_withdrawn_drop_is_late(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly")
    withdraw(paths, "drop", "2026-11-20", "Ana", "the neighbour's figures")
    assert (
        "rests on drop 2026-11-20, which was withdrawn on"
        in check_lateness(paths, NOW + DAY).line()
    )


def test_a_withdrawn_drop_waits_for_nobody(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly")
    late = paths.drops / "2026-11-21"
    late.mkdir(parents=True)
    os.utime(late, ((NOW - DAY).timestamp(),) * 2)
    assert (
        "drop 2026-11-21 lies there" in check_lateness(paths, NOW + 7 * DAY, max_age_days=7).line()
    )
    withdraw(paths, "drop", "2026-11-21", "Ana", "the neighbour's figures")
    assert not check_lateness(paths, NOW + 7 * DAY, max_age_days=7).late


def made_instead(paths: DeploymentPaths, at: datetime, run_id: str = "next") -> None:
    """As steps/fallback.py writes it down."""
    facts = {
        "forecast_version": "2026-w46-f",
        "data_state": WITHOUT,
        "why": "run next failed at step validate: a column is missing",
        "data_until": "2026-w46",
        "model_version": "1",
        "page": "artifacts/reports/fallback-2026-w46-f/report.html",
    }
    append_event(paths, "fallback-forecast", facts, run_id, at)


def test_a_forecast_without_this_weeks_data_is_late_until_a_run_finishes(
    paths: DeploymentPaths,
) -> None:
    walk(paths.home, "weekly")
    made_instead(paths, NOW + 7 * DAY)
    (why,) = check_lateness(paths, NOW + 7 * DAY).why
    assert why == (
        "the newest forecast is without this week's data: run next failed at step validate: a "
        "column is missing"
    )
    assert watch(paths.home, "--now", (NOW + 7 * DAY).isoformat())[0] == 1
    walk(paths.home, "mended", at=NOW + 8 * DAY)
    assert not check_lateness(paths, NOW + 8 * DAY).late


def test_a_champion_that_was_taken_away_is_missed(paths: DeploymentPaths) -> None:
    move(paths.home, "promote", None, "1")
    walk(paths.home, "weekly")
    assert not check_lateness(paths, NOW + DAY).late
    move(paths.home, "adopt-rule", "1", None)
    (why,) = check_lateness(paths, NOW + DAY).why
    assert why.startswith("no champion serves since ") and "adopt-rule by weekly cycle" in why


@pytest.mark.parametrize(
    ("declared", "late"),
    [
        ("", True),
        ("bulletin: {origin_age_weeks: 0}", False),
        ("bulletin: {origin_age_weeks: 12}", False),
    ],
)
def test_a_profile_says_how_old_the_newest_week_may_be(
    paths: DeploymentPaths, declared: str, late: bool
) -> None:
    profile = paths.home / "profiles" / "place.yaml"
    profile.parent.mkdir()
    profile.write_text(f"profile: place\ndata: {{inputs: [{{file: cases.csv}}]}}\n{declared}\n")
    write_json(walk(paths.home, "weekly", at=NOW + 70 * DAY) / "run.json", {"profile": "place"})
    found = check_lateness(paths, NOW + 70 * DAY)
    assert found.late is late, found.why
    if late:
        assert found.why == (
            "the newest week that a forecast knows, 2026-w46, ended 10 weeks ago: no newer data "
            "arrived",
        )


@pytest.mark.parametrize("profile", ["sample", "ci", "satellitebench"])
def test_data_sets_that_ship_as_history_are_never_called_old(
    paths: DeploymentPaths, profile: str
) -> None:
    config = load_profile(profile)
    assert config.bulletin.oldest_weeks(config.data.source) is None


def test_the_same_week_forecast_again_is_said(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly")
    assert "again" not in check_lateness(paths, NOW).line()
    for week in (1, 2):
        walk(paths.home, f"again-{week}", at=NOW + week * 7 * DAY)
    assert (
        check_lateness(paths, NOW + 14 * DAY)
        .line()
        .endswith("by run again-2: the same week forecast again, first on 2026-11-23")
    )


def test_a_cause_is_told_once_though_a_fallback_and_a_failed_run_have_it(
    paths: DeploymentPaths,
) -> None:
    walk(paths.home, "weekly")
    folder = walk(paths.home, "next", "validate", at=NOW + DAY)
    fail(folder, "validate", ValidationStopped("the table holds no row", fix="export it again"))
    facts = {
        "forecast_version": "2026-w46-f",
        "data_state": WITHOUT,
        "why": "run next failed at step validate: the table holds no row",
        "data_until": "2026-w46",
        "model_version": "1",
        "page": "p",
    }
    append_event(paths, "fallback-forecast", facts, "next", NOW + 2 * DAY)
    output = check_lateness(paths, NOW + 3 * DAY).line()
    assert output.count("the table holds no row") == 1 and output.endswith(
        "What to do: export it again."
    )
    assert WITHOUT in output
