"""A forecast whatever happened: the champion's, from the last accepted data, and it says so."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.homes import Home
from support.outputs import leave
from support.registries import closed_port
from support.tabular import paths, start, stopped
from typer.testing import CliRunner

from pipelines import steps
from pipelines.cli import app
from pipelines.contracts import CURRENT, UNFINISHED, WITHOUT
from pipelines.errors import StoreError
from pipelines.registry import retries
from pipelines.registry.lookup import connect
from pipelines.registry.named import Registered
from pipelines.run import open_run
from pipelines.run.events import read_events
from pipelines.run.outputs import FallbackOutput, FeaturesOutput, IngestOutput
from pipelines.run.success import last_success, record_success
from pipelines.storage import read_json
from pipelines.words import words_of

WEEK = timedelta(days=7)


@pytest.fixture
def home(copied_tabular: Callable[[], Home], monkeypatch: pytest.MonkeyPatch) -> Home:
    """A test's own deployment of 45 units: one finished run, `first`, and its champion."""
    monkeypatch.setattr(retries, "PAUSES_S", (0.0,))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return copied_tabular()


def table(home: Home, made: FallbackOutput) -> pd.DataFrame:
    return pd.read_parquet(home.path / made.forecast / "forecast.parquet")


def about(home: Home, made: FallbackOutput) -> dict[str, Any]:
    return read_json(home.path / made.forecast / "forecast.json")


def bad_drop(home: Home) -> None:
    """A drop of the week after, which holds no row."""
    drop = home.path / "data" / "drops" / "2018-12-11"
    shutil.copytree(home.path / "data" / "drops" / "2018-12-04", drop)
    text = (drop / "drop.yaml").read_text(encoding="utf-8")
    (drop / "drop.yaml").write_text(text.replace("2018-12-04", "2018-12-11"), encoding="utf-8")
    rows = (drop / "metadata.csv").read_text(encoding="utf-8").splitlines()
    (drop / "metadata.csv").write_text(rows[0] + "\n", encoding="utf-8")


def mlflow_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")


def test_after_a_stop_the_champion_forecasts_from_the_last_accepted_data_and_every_row_says_so(
    home: Home,
) -> None:
    bad_drop(home)
    code, printed = home.tried_here(
        "run", "--profile", str(home.path / "tabular.yaml"), "--horizon", "4", "--run-id", "second"
    )
    assert code == 2 and "ValidationStopped" in printed
    made = open_run("second").output(FallbackOutput)

    first = home.output("first", "forecast")["forecast_version"]
    rows, before = (
        table(home, made),
        pd.read_parquet(home.path / "artifacts" / "forecasts" / first / "forecast.parquet"),
    )
    assert set(rows["data_state"]) == {WITHOUT} and set(before["data_state"]) == {CURRENT}
    assert made.forecast_version != first
    pd.testing.assert_frame_equal(
        rows.drop(columns="data_state"), before.drop(columns="data_state")
    )
    facts = about(home, made)
    assert facts["why"].startswith("run second failed at step validate: ")
    assert (facts["red_run"], facts["data_until"], facts["same_week_again"]) == (
        "second",
        "2018-w48",
        True,
    )
    page = (home.path / made.page).read_text(encoding="utf-8")
    title = words_of("es")("bulletin-title-without", week="la semana 48 de 2018")
    assert f"<title>{title}</title>" in page and f"<h1>{title}</h1>" in page
    assert '<html lang="es">' in page  # the place's language
    (event,) = read_events(paths(home), "fallback-forecast")
    assert (event["forecast_version"], event["run_id"]) == (made.forecast_version, "second")
    assert (last_success(paths(home)) or pytest.fail("lost")).run_id == "first"


def test_it_is_traced_to_bundle_features_and_drop_and_published_for_analysts(home: Home) -> None:
    from pipelines.lineage import trace
    from pipelines.versioning.publish import read_index

    stopped(home)
    made = steps.fallback_for_run("second")
    found = trace(made.forecast_version, paths(home), "up")
    kinds = {node.kind for node in found.nodes()}
    assert {"bundle", "features", "dataset", "drop"} <= kinds and not found.broken
    version = read_index(paths(home))[f"forecasts-{made.forecast_version}"]
    features = home.output("first", "features")["feature_version"]
    assert f"features-{features}" in version["parents"]


@pytest.mark.slow
def test_made_once_for_one_red_week_and_again_only_from_other_data(home: Home) -> None:
    stopped(home)
    made = steps.fallback_for_run("second")
    assert steps.fallback_for_run("second").forecast is None
    assert "stands" in steps.fallback_for_run("second").note
    # killed between the version and its event: the same again, byte for byte
    (home.path / "artifacts" / "events" / "events.jsonl").unlink()
    assert steps.fallback_for_run("second").forecast_version == made.forecast_version
    assert len(list(read_events(paths(home), "fallback-forecast"))) == 1


def test_a_week_that_has_its_forecast_gets_no_other(home: Home) -> None:
    start(home, "again")  # no new drop
    steps.ingest("again")
    made = steps.fallback_for_run("again")
    assert made.forecast is None and "run first finished forecast" in made.note


def test_with_mlflow_away_the_audit_says_who_is_champion(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(home)
    mlflow_is_away(monkeypatch)
    made = steps.fallback_for_run("second")
    assert about(home, made)["champion_told_by"] == "audit"
    assert set(table(home, made)["model_version"]) == {"1"}


@pytest.mark.slow
def test_a_bundle_that_is_not_in_its_cache_is_that_of_the_run_that_trained_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(home)
    mlflow_is_away(monkeypatch)
    shutil.rmtree(home.path / "artifacts" / "bundles")
    assert steps.fallback(run_id="second").forecast is not None
    shutil.rmtree(home.path / "artifacts" / "bundles")
    shutil.rmtree(home.path / "artifacts" / "candidates")
    (home.path / "artifacts" / "events" / "events.jsonl").unlink()
    with pytest.raises(StoreError, match="is not in this home"):
        steps.fallback(run_id="second")


def test_no_champion_and_no_accepted_data_invent_no_forecast(home: Home) -> None:
    stopped(home)
    shutil.rmtree(home.path / "artifacts" / "features")
    assert "no accepted data" in steps.fallback_for_run("second").note
    shutil.rmtree(home.path / "artifacts" / "audit")
    connect(paths(home)).delete_registered_model_alias("denguard", "champion")
    made = steps.fallback_for_run("second")
    assert made.forecast is None and "no champion serves" in made.note


def test_features_of_a_drop_that_counts_no_more_are_not_used(home: Home) -> None:
    stopped(home)
    accepted = home.path / "artifacts" / "accepted.json"
    facts = read_json(accepted)
    accepted.write_text(json.dumps({**facts, "drops": []}), encoding="utf-8")
    assert "no accepted data" in steps.fallback_for_run("second").note


def test_a_run_that_is_red_after_its_features_forecasts_with_this_weeks_data_and_says_so(
    home: Home,
) -> None:
    start(home, "second")
    steps.ingest("second")
    run, features = open_run("second"), open_run("first").output(FeaturesOutput)
    newer = home.path / "artifacts" / "features" / "newer"
    shutil.copytree(run.path(features.features), newer)
    newer.touch()
    facts = {"features": run.name(newer), "feature_version": "newer"}
    run.finish(features.model_copy(update=facts))
    later = datetime.now(UTC) + WEEK
    assert steps.fallback("the gate", "second", now=later).data_state == UNFINISHED


def test_a_deadline_that_passed_without_a_run_makes_one_and_one_that_did_not_makes_none(
    home: Home,
) -> None:
    profile = str(home.path / "tabular.yaml")
    now = datetime.now(UTC)
    due = steps.cycle_start(open_run("first").profile, now + WEEK)
    assert steps.at_deadline(profile, due + timedelta(hours=11)).note.startswith("the deadline is")
    made = steps.at_deadline(profile, due + timedelta(hours=12))
    assert about(home, made)["why"].startswith("no run had begun; the deadline was ")
    assert set(table(home, made)["data_state"]) == {WITHOUT}


def test_a_later_finished_run_of_the_same_content_is_the_newest_forecast_again(home: Home) -> None:
    from serving.published import Asked, newest

    stopped(home)
    made = steps.fallback_for_run("second")
    champion = Registered("1", about(home, made)["bundle_id"], run_id="", source="")
    asked = Asked(champion, "of another line")
    found = newest(paths(home), asked).forecast
    assert found is not None and found.version == made.forecast_version
    steps.forecast("first")
    found = newest(paths(home), asked).forecast
    finished = home.output("first", "forecast")["forecast_version"]
    assert found is not None and found.version == finished


def test_a_fallback_that_cannot_be_made_leaves_the_steps_error_alone_and_is_written_down(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(home)
    mlflow_is_away(monkeypatch)
    bundles: Path = home.path / "artifacts" / "bundles"
    shutil.rmtree(bundles)
    shutil.rmtree(home.path / "artifacts" / "candidates")
    assert steps.fallback_for_run("second").forecast is None
    failed = [e for e in read_events(paths(home), "step-failed") if e["step"] == "fallback"]
    assert "is not in this home" in failed[0]["cause"]


def test_a_drop_that_waits_for_its_run_is_no_reason_at_the_deadline(home: Home) -> None:
    profile = str(home.path / "tabular.yaml")
    due = steps.cycle_start(open_run("first").profile, datetime.now(UTC) + timedelta(days=365))
    finished = due + timedelta(hours=1)
    record_success(paths(home), "first", "2018-w48", "2018-w48-v", finished)
    (home.path / "data" / "drops" / "2018-12-11").mkdir()
    start(home, "second")
    waits = {"received_date": "2018-12-11", "sha256": "0" * 64}
    leave(open_run("second"), IngestOutput, drops=[waits])
    late = due + timedelta(hours=30)
    os.utime(home.path / "artifacts" / "runs" / "second" / "run.json", (late.timestamp(),) * 2)
    assert "finished forecast" in steps.at_deadline(profile, late).note


def test_by_hand_it_says_why_nothing_is_made(home: Home) -> None:
    done = CliRunner().invoke(app, ["fallback-forecast", "--reason", "I was curious"])
    assert done.exit_code == 0
    assert done.stdout.startswith("nothing was made: run first finished forecast 2018-w48-")
