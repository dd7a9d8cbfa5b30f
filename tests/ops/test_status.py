"""What `denguard status` says of a run, from its files alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from support import multilingual
from support.run_folders import fail, mend, move, walk
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import DeploymentPaths
from pipelines.contracts import WITHOUT
from pipelines.errors import StoreError, ValidationStopped
from pipelines.evaluate.decision_log import line_and_why
from pipelines.ops import show as shown
from pipelines.ops.alerts import send_alerts
from pipelines.ops.runs import newest_run, newest_runs, view
from pipelines.ops.status import gather
from pipelines.ops.watch import check_lateness
from pipelines.registry.audit import read_trail
from pipelines.run.adopted import NOTHING, write_adopted
from pipelines.run.events import append_event
from pipelines.run.lock import by_airflow, during, hold
from pipelines.run.progress import Progress, bound
from pipelines.run.withdrawn import withdraw
from pipelines.steps import outcome
from pipelines.storage import write_json

ROOT = Path(__file__).parents[2]


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    return DeploymentPaths(home=home)


def states(paths: DeploymentPaths, run_id: str = "weekly") -> dict[str, str]:
    return {step.name: step.state for step in view(paths, run_id, datetime.now(UTC)).steps}


def shards(paths: DeploymentPaths) -> list[str]:
    parts = view(paths, "weekly", datetime.now(UTC)).parts
    return [part.state for part in parts if part.name.startswith("embed")]


def begin(paths: DeploymentPaths, part: str, counted: int = 0) -> None:
    """A part of the run begins, and is not heard to end."""
    with during(paths, "weekly", part), bound(paths, "weekly", part):
        outcome.begin(paths, "weekly", part)
        if counted:
            Progress("scenes embedded", 400).advance(counted)


def status(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["status", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def test_a_finished_run_says_decision_champion_forecast_and_report(paths: DeploymentPaths) -> None:
    now = datetime.now(UTC)
    walk(paths.home, "weekly", at=now)
    move(paths.home, "promote", None, "1")
    code, output = status()
    assert code == 0
    assert "run weekly: finished · origin week 2026-w46" in output
    assert "promote: The linear head serves." in output
    assert "version 1" in output
    assert "origin week 2026-w46, version 2026-w46-v, finished" in output
    assert str(paths.home) in output.replace("\n", "")
    assert all(len(line) <= 100 and line == line.rstrip() for line in output.splitlines())


def test_an_adopted_encoder_is_shown_with_how_far_it_is(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly", at=datetime.now(UTC))
    assert "encoders" not in status()[1]
    encoders = {"text": multilingual.config()}
    write_adopted(paths, "denguard", NOTHING.model_copy(update={"encoders": encoders}))
    code, output = status()
    assert code == 0
    assert "text: use_text; history is not embedded yet" in " ".join(output.split())
    assert json.loads(status("--json")[1])["adopted"].startswith("text: use_text")


def test_a_champion_that_learnt_from_a_withdrawn_drop_is_named(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly", at=datetime.now(UTC))
    move(paths.home, "promote", None, "1")
    bundle = {"meta": {"dataset_version": "v1", "as_of_week": "2026-w46"}}
    write_json(paths.artifacts / "bundles" / "b" / "bundle.json", bundle)
    drops = [{"received_date": day, "sha256": "x"} for day in ("2026-11-13", "2026-11-20")]
    write_json(paths.artifacts / "datasets" / "v1" / "dataset.json", {"drops": drops})
    assert "trained on" not in status()[1]
    withdraw(paths, "drop", "2026-11-13", "Ana", "another year's", "")
    assert "trained on drop 2026-11-13, which was withdrawn on" in " ".join(status()[1].split())


def test_weeks_since_the_last_promotion_are_told_with_why(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly", at=datetime.now(UTC))
    folder = paths.artifacts / "decisions"
    write_json(
        folder / "a.json",
        {"as_of_week": "2026-w43", "decision": "promote", "reasons": ["fresher data win a tie."]},
    )
    assert "promotion  in the newest decision" in status()[1]
    for name, week in (("b", "2026-w44"), ("c", "2026-w45"), ("d", "2026-w45")):
        reason = f"The linear head moves further ({week})."
        write_json(
            folder / f"{name}.json",
            {"as_of_week": week, "decision": "keep", "reasons": [reason], "waits_for_person": True},
        )
    output = " ".join(status()[1].split())
    assert (
        "promotion 2 weeks ago; WAITS FOR A PERSON since: The linear head moves further (2026-w45)."
        in output
    )
    assert json.loads(status("--json")[1])["promotion"]["weeks"] == 2


def test_times_are_told_by_the_clock_of_the_place(
    paths: DeploymentPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    walk(paths.home, "weekly", at=datetime.now(UTC))
    move(paths.home, "promote", None, "1")
    at = datetime.fromisoformat(read_trail(paths).entries[-1]["at"])
    shown.show(gather(paths, None, at + timedelta(minutes=1), {}), paths)
    there = at.astimezone(timezone(timedelta(hours=-5)))
    output = " ".join(capsys.readouterr().out.split())
    assert f"by weekly cycle, {there:%Y-%m-%d %H:%M} America/Bogota" in output


def test_a_failed_run_says_cause_place_and_fix_and_wants_a_person(paths: DeploymentPaths) -> None:
    error = ValidationStopped(
        "column 'cases' is missing", where="metadata.csv row 1", fix="deliver it"
    )
    fail(walk(paths.home, "weekly", "ingest", datetime.now(UTC)), "validate", error)
    code, output = status()
    assert code == 1
    assert "run weekly: FAILED" in output
    for words in ("column 'cases' is missing", "metadata.csv row 1", "deliver it"):
        assert words in output
    assert (states(paths)["ingest"], states(paths)["validate"], states(paths)["snapshot"]) == (
        "done",
        "failed",
        "not yet",
    )


def test_a_forecast_in_place_of_a_runs_is_shown_and_wants_a_person(paths: DeploymentPaths) -> None:
    now = datetime.now(UTC)
    walk(paths.home, "weekly", at=now - timedelta(hours=2))
    facts = {
        "forecast_version": "2026-w46-f",
        "data_state": WITHOUT,
        "why": "no run had begun",
        "data_until": "2026-w46",
        "page": "artifacts/reports/fallback/report.html",
    }
    append_event(paths, "fallback-forecast", facts, at=now)
    code, output = status()
    assert code == 1
    words = " ".join(output.split())
    assert (
        "instead forecast without this week's data, version 2026-w46-f: the data end with "
        "2026-w46; no run had begun" in words
    )
    assert json.loads(status("--json")[1])["forecast"]["fallback"]["data_state"] == WITHOUT


def test_a_run_at_work_says_items_done_left_and_eta(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly", "plan_embedding", datetime.now(UTC) - timedelta(hours=1))
    with by_airflow():
        begin(paths, "embed_shard_001", 120)
    code, output = status()
    assert code == 0
    assert "run weekly: at work" in output
    assert (
        "running  embed           0 of 2 shards; scenes embedded: 120/400, 280 left, ETA" in output
    )
    assert json.loads(status("weekly", "--json")[1])["run"]["state"] == "running"


def test_a_step_that_failed_is_red_while_airflow_may_still_try_again(
    paths: DeploymentPaths,
) -> None:
    folder = walk(paths.home, "weekly", "features", datetime.now(UTC) - timedelta(hours=1))
    with by_airflow(), during(paths, "weekly", "train"):
        fail(folder, "train", StoreError("the disk is full"))
    assert states(paths)["train"] == "failed"
    code, output = status()
    assert code == 0
    assert "run weekly: at work" in output and "Airflow may try again by itself" in output


def test_of_several_shards_at_once_those_that_are_heard_are_running(paths: DeploymentPaths) -> None:
    folder = walk(paths.home, "weekly", "plan_embedding", datetime.now(UTC) - timedelta(hours=1))
    with by_airflow():
        for part in ("embed_shard_000", "embed_shard_001"):
            begin(paths, part, 1)
    assert shards(paths) == ["running", "running"]
    mend(folder, "embed_shard_000")
    assert shards(paths) == ["done", "running"]


def test_steps_behind_one_that_is_run_again_are_from_before(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly", at=datetime.now(UTC) - timedelta(hours=1))
    with hold(paths, "weekly"):
        begin(paths, "train")
        seen = states(paths)
    assert (seen["features"], seen["train"], seen["gate"]) == ("done", "running", "earlier")


def test_a_run_without_a_sign_of_life_is_called_so(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly", "features", datetime.now(UTC))
    code = (
        "import os, signal; from pipelines.config import deployment_paths as here; "
        "from pipelines.run.lock import hold, during\n"
        "with hold(here(), 'weekly'), during(here(), 'weekly', 'train'): "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DENGUARD_HOME": str(paths.home)},
        timeout=60,
        check=False,
    )
    ended, output = status()
    assert ended == 1
    assert "NO SIGN OF LIFE" in output
    assert "without an error message" in " ".join(output.split())


def test_an_airflow_run_that_was_not_heard_of_for_hours_wants_a_person(
    paths: DeploymentPaths,
) -> None:
    walk(paths.home, "weekly", "features", datetime.now(UTC))
    with by_airflow(), during(paths, "weekly", "train"):
        pass
    soon, later = (datetime.now(UTC) + timedelta(hours=h) for h in (0.5, 3))
    assert not gather(paths, None, soon, {}).quiet
    assert gather(paths, None, later, {}).needs_a_person


def test_the_newest_run_is_the_one_started_last_and_others_can_be_named(
    paths: DeploymentPaths,
) -> None:
    now = datetime.now(UTC)
    walk(paths.home, "z-older", at=now - timedelta(days=7))
    walk(paths.home, "a-newer", "ingest", now)
    assert newest_run(paths) == "a-newer"
    assert "run z-older: finished" in status("z-older")[1]
    with pytest.raises(StoreError, match="a-newer, z-older"):
        view(paths, "nope", now)


def test_a_run_whose_times_cannot_be_read_is_named_and_hides_no_other(
    paths: DeploymentPaths,
) -> None:
    walk(paths.home, "weekly", "ingest")
    odd = paths.artifacts / "runs" / "odd"
    odd.mkdir()
    (odd / "run.json").symlink_to("x" * 300)  # longer than a name can be: to look is an error
    assert newest_runs(paths) == ["weekly"]
    with pytest.raises(StoreError, match="the files of run odd make no sense: OSError"):
        view(paths, "odd", datetime.now(UTC))


def test_where_nothing_ever_ran_nobody_is_needed(paths: DeploymentPaths) -> None:
    code, output = status()
    assert code == 0
    assert "no run yet" in output
    assert not paths.artifacts.exists(), "looking changes nothing"


def test_a_service_that_is_gone_wants_a_person(paths: DeploymentPaths) -> None:
    walk(paths.home, "weekly", at=datetime.now(UTC))
    assert not gather(paths, None, datetime.now(UTC), {"mlflow": True}).needs_a_person
    assert gather(paths, None, datetime.now(UTC), {"mlflow": False}).needs_a_person


def test_an_alert_that_is_over_but_not_yet_told_so_does_not_contradict_on_time(
    paths: DeploymentPaths,
) -> None:
    walk(paths.home, "weekly", at=datetime.now(UTC))
    verdict = check_lateness(paths, datetime.now(UTC) + timedelta(days=40))
    send_alerts(paths, verdict)
    _, output = status()
    assert "on time yes" in " ".join(output.split())
    assert "it is not late any more; the next denguard watch sends that" in " ".join(output.split())
    assert (
        "(it is"
        not in gather(paths, None, datetime.now(UTC) + timedelta(days=40), {}).open_alerts[0]
    )


def test_a_reason_that_the_first_line_gives_already_is_not_said_twice():
    reason = "The test years (2018) hold one class only."
    line = "Nothing serves, because the test years (2018) hold one class only."
    assert line_and_why({"first_line": line, "reasons": [reason]}) == line
    assert line_and_why({"first_line": line, "reasons": ["First champion: " + reason]}) == line
    assert line_and_why({"first_line": line, "reasons": ["Another."]}) == f"{line} Another."
