"""The watchdog: late or not, by files and a given clock."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from ops.folders import NOW, fail, walk
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import Places
from pipelines.errors import ValidationStopped
from pipelines.ops.watch import judge
from pipelines.run.success import last_success, record_success
from pipelines.run.withdrawn import withdraw

ROOT = Path(__file__).parents[2]
DAY = timedelta(days=1)


@pytest.fixture
def where(home: Path) -> Places:
    return Places(home=home)


def watch(home: Path, *arguments: str) -> tuple[int, str]:
    assert os.environ["DENGUARD_HOME"] == str(home)
    done = CliRunner().invoke(app, ["watch", *arguments])
    return done.exit_code, done.stdout


def test_the_command_exits_0_on_time_and_1_when_late(home: Path) -> None:
    assert watch(home, "--now", NOW.isoformat()) == (1, "LATE: no forecast was ever made here. What to do: denguard status shows where the cycle stands; start one in Airflow or with denguard run.\n")  # fmt: skip
    walk(home, "weekly")
    code, said = watch(home, "--now", (NOW + 7 * DAY).isoformat())
    assert code == 0
    assert said.startswith("on time: forecast 2026-w46-v of origin week 2026-w46 was finished 7.0 days ago by run weekly")  # fmt: skip
    assert watch(home, "--now", (NOW + 7 * DAY).isoformat(), "--quiet") == (0, "")
    assert watch(home, "--now", (NOW + 9 * DAY).isoformat())[0] == 1
    assert watch(home, "--now", (NOW + 9 * DAY).isoformat(), "--max-age-days", "10")[0] == 0


def test_the_watchdog_starts_without_the_heavy_parts() -> None:
    code = "import sys, pipelines.cli, pipelines.ops.alerts, pipelines.ops.status, pipelines.ops.show; print([m for m in ('torch', 'mlflow', 'pandas', 'httpx', 'pyarrow') if m in sys.modules])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_run_on_unchanged_data_keeps_the_forecast_fresh(where: Places) -> None:
    walk(where.home, "weekly")
    walk(where.home, "unchanged", at=NOW + 7 * DAY)
    assert not judge(where, NOW + 14 * DAY).late


def test_a_look_back_at_an_older_week_is_no_weekly_forecast(where: Places) -> None:
    walk(where.home, "weekly")
    assert record_success(where, "look-back", "2016-w10", "v", NOW + 7 * DAY) is False
    assert (last_success(where) or pytest.fail("lost")).run_id == "weekly"


def test_a_late_forecast_names_the_failure_behind_it_and_what_to_do(where: Places) -> None:
    walk(where.home, "weekly")
    fail(walk(where.home, "next", "ingest", NOW + 7 * DAY), "validate", ValidationStopped("a column is missing", fix="deliver it"))  # fmt: skip
    assert "run next failed at step validate: a column is missing; deliver it" in judge(where, NOW + 9 * DAY).line()  # fmt: skip
    code, said = watch(where.home, "--now", (NOW + 7 * DAY).isoformat())
    assert code == 0
    assert "but run next failed at step validate: a column is missing. What to do: deliver it." in said  # fmt: skip


def test_a_drop_that_no_forecast_knows_makes_it_late_after_the_grace(where: Places) -> None:
    walk(where.home, "weekly")
    (where.drops / "2026-11-20").mkdir(parents=True)
    assert not judge(where, NOW + DAY).late
    drop = where.drops / "2026-11-24"
    drop.mkdir()
    arrived = (NOW + DAY).timestamp()
    os.utime(drop, (arrived, arrived))
    walk(where.home, "again", at=NOW + 8 * DAY)  # it does not read the drop either
    assert not judge(where, NOW + 8 * DAY).late
    late = judge(where, NOW + 10 * DAY)
    assert late.why == ("drop 2026-11-24 lies there for more than 8 days and no forecast knows it",)


def test_an_old_drop_that_was_copied_in_today_has_its_grace(where: Places) -> None:
    walk(where.home, "weekly")
    (where.drops / "2026-11-21").mkdir(parents=True)
    moment = (NOW + 6 * DAY).timestamp()
    os.utime(where.drops / "2026-11-21", (moment, moment))
    assert not judge(where, NOW + 7 * DAY, max_age_days=7.5).late


def test_data_that_stopped_arriving_are_late_if_asked_for(where: Places) -> None:
    walk(where.home, "weekly", at=NOW)
    assert not judge(where, NOW).late
    assert "no newer data arrived" in judge(where, NOW + 7 * DAY, max_origin_age_weeks=0).line()


def test_a_clock_that_goes_wrong_is_said_and_not_taken_for_fresh(where: Places) -> None:
    walk(where.home, "weekly", at=NOW + DAY)
    assert "in the future" in judge(where, NOW).line()
    walk(where.home, "weekly", at=NOW + timedelta(minutes=4))
    assert not judge(where, NOW).late


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"run_id": 1}', '{"run_id": "a", "finished_at": "2026-11-23", "origin_week": "2026-w46", "forecast_version": "v"}'])  # fmt: skip
def test_a_damaged_note_is_late_with_a_way_out(where: Places, text: str) -> None:
    where.artifacts.mkdir()
    (where.artifacts / "last_success.json").write_text(text)
    verdict = judge(where, NOW)
    assert verdict.late
    assert "delete it" in verdict.fix


def test_a_withdrawn_forecast_is_late_until_there_is_another(where: Places) -> None:
    walk(where.home, "weekly")
    withdraw(where, "forecast", "2026-w46-v", "Ana", "made from wrong counts")
    verdict = judge(where, NOW + DAY)
    assert "the newest forecast, 2026-w46-v, was withdrawn on" in verdict.line()
    assert "by Ana: made from wrong counts" in verdict.line()
    record_success(where, "again", "2026-w47", "2026-w47-v", NOW)
    assert not judge(where, NOW + DAY).late


def test_a_forecast_made_from_a_withdrawn_drop_is_late(where: Places) -> None:
    walk(where.home, "weekly")
    withdraw(where, "drop", "2026-11-20", "Ana", "the neighbour's figures")
    assert "rests on drop 2026-11-20, which was withdrawn on" in judge(where, NOW + DAY).line()


def test_a_withdrawn_drop_waits_for_nobody(where: Places) -> None:
    walk(where.home, "weekly")
    late = where.drops / "2026-11-21"
    late.mkdir(parents=True)
    os.utime(late, ((NOW - DAY).timestamp(),) * 2)
    assert "drop 2026-11-21 lies there" in judge(where, NOW + 7 * DAY, max_age_days=7).line()
    withdraw(where, "drop", "2026-11-21", "Ana", "the neighbour's figures")
    assert not judge(where, NOW + 7 * DAY, max_age_days=7).late
