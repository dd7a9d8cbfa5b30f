"""The endpoint without a registry: what it keeps on its disk, and what it says of it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.registries import closed_port

from pipelines.contracts import CHAMPION
from pipelines.fusion.bundle import Bundle
from pipelines.registry.lookup import MODEL_NAME, connect
from pipelines.registry.named import Registered
from pipelines.storage import read_json, write_json
from serving.app import create_app
from serving.kept import MOST_BUNDLES, Kept
from serving.settings import Settings
from serving.standing import Standing

KEY = "a-key-for-tests"
BundleOf = Callable[..., Bundle]
Eventually = Callable[..., None]
NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def served(
    deployment: Any, settings: Settings, bundle_of: BundleOf, eventually: Eventually
) -> Path:
    """The endpoint's folder after it has served version 1 and was stopped."""
    deployment.promote(bundle_of())
    shutil.rmtree(deployment.paths.artifacts / "bundles", ignore_errors=True)
    with started(settings) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
    folder: Path = deployment.paths.artifacts / "serving"
    return folder


@contextmanager
def started(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow does not answer."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")


def aged(folder: Path, age: timedelta) -> None:
    """As if the registry had named the champion so long ago for the last time."""
    path = folder / f"{MODEL_NAME}.json"
    seen = (datetime.now(UTC) - age).isoformat()
    write_json(path, {**read_json(path), "seen_at": seen})


def test_after_a_restart_without_the_registry_the_last_champion_answers_as_before(
    served: Path, settings: Settings, row: dict[str, Any], away: None
) -> None:
    with started(settings) as client:
        answer = client.post("/predictions", json={"rows": [row]})
        ready = client.get("/health/ready").json()
        model = client.get("/model").json()
    assert answer.status_code == 200
    assert answer.json()["predictions"][0]["model_version"] == "1"
    assert ready["champion_as_of"] and ready["registry_away_since"] and not ready["stale"]
    assert model["registry_away_since"] == ready["registry_away_since"]


def test_an_answer_says_of_when_the_champion_is_and_since_when_the_registry_is_away(
    served: Path, settings: Settings, row: dict[str, Any], away: None
) -> None:
    aged(served, timedelta(hours=1))
    with started(settings) as client:
        body = client.post("/predictions", json={"rows": [row]}).json()
        ready = client.get("/health/ready").json()
    (note,) = body["notes"]
    assert note == ready["note"]
    assert note.startswith(f"champion as of {ready['champion_as_of']}")
    assert f"registry not reachable since {ready['registry_away_since']}" in note


def test_a_champion_that_nobody_confirmed_for_long_answers_and_is_called_stale(
    served: Path, settings: Settings, row: dict[str, Any], away: None
) -> None:
    aged(served, timedelta(hours=settings.stale_after_h) + DAY)
    with started(settings) as client:
        answer = client.post("/predictions", json={"rows": [row]})
        ready = client.get("/health/ready")
        metrics = client.get("/metrics").text
    assert answer.status_code == ready.status_code == 200
    assert answer.json()["notes"][0].startswith("stale: champion as of")
    assert ready.json()["stale"] is True
    assert "denguard_champion_stale 1.0" in metrics and "denguard_registry_up 0.0" in metrics


def test_while_the_registry_answers_nothing_is_noted(
    served: Path, settings: Settings, row: dict[str, Any]
) -> None:
    aged(served, 3 * DAY)
    with started(settings) as client:
        body = client.post("/predictions", json={"rows": [row]}).json()
        ready, metrics = client.get("/health/ready").json(), client.get("/metrics").text
    assert "notes" not in body and "note" not in ready
    assert (ready["registry_away_since"], ready["stale"]) == (None, False)
    assert "denguard_registry_up 1.0" in metrics


def test_a_bundle_that_was_damaged_on_the_disk_does_not_answer(
    served: Path, settings: Settings, away: None
) -> None:
    min((served / "bundles").rglob("linear.safetensors")).write_bytes(b"damaged")
    with started(settings) as client:
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:denguard:problem:registry-away"
    assert "no earlier champion on its disk" in answer.json()["fix"]


def test_a_champion_that_was_taken_back_does_not_answer_after_a_restart(
    served: Path, settings: Settings
) -> None:
    connect().delete_registered_model_alias(MODEL_NAME, CHAMPION)
    shutil.rmtree(served.parent / "audit")  # it lies on another machine
    with started(settings) as client:
        answer = client.get("/health/ready").json()
        metrics = client.get("/metrics").text
    assert answer["type"] == "urn:denguard:problem:champion-gone"
    assert "version 1" in answer["detail"] and "newest backup" in answer["fix"]
    assert "denguard_ready 0.0" in metrics


def test_nor_does_it_when_the_registry_is_away_at_the_next_restart(
    served: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect().delete_registered_model_alias(MODEL_NAME, CHAMPION)
    with started(settings):
        pass
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    with started(settings) as client:
        assert client.get("/health/ready").status_code == 503


def test_a_new_champion_that_cannot_be_loaded_leaves_the_last_one_answering_after_a_restart(
    served: Path, settings: Settings, deployment: Any, bundle_of: BundleOf
) -> None:
    deployment.promote(bundle_of(bias=2.5))
    shutil.rmtree(deployment.paths.artifacts / "mlflow" / "artifacts")
    with started(settings) as client:
        model = client.get("/model").json()
    assert model["version"] == "1"
    assert model["candidate_error"]["version"] == "2"


def test_of_bundles_the_last_few_stay(
    deployment: Any, settings: Settings, bundle_of: BundleOf
) -> None:
    kept = Kept(deployment.paths, MODEL_NAME)
    folder = deployment.paths.artifacts / "serving" / "bundles"
    names = [f"{number:016x}" for number in range(MOST_BUNDLES + 2)]
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        long_ago = time.time() - 7200
        os.utime(folder / name, (long_ago, long_ago))
        kept.seen(Registered(str(number), name, "run", "source"), NOW + number * DAY)
    assert sorted(path.name for path in folder.iterdir()) == names[-MOST_BUNDLES:]


def test_a_bundle_that_another_worker_just_fetched_stays(deployment: Any) -> None:
    kept = Kept(deployment.paths, MODEL_NAME)
    fresh = deployment.paths.artifacts / "serving" / "bundles" / f"{9:016x}"
    fresh.mkdir(parents=True)
    kept.seen(Registered("1", f"{1:016x}", "run", "source"), NOW)
    assert fresh.is_dir()


def test_who_is_champion_is_written_once_a_minute_while_nothing_changes(deployment: Any) -> None:
    kept, named = Kept(deployment.paths, MODEL_NAME), Registered("1", f"{1:016x}", "run", "source")
    for seconds in (0, 5, 59, 61):
        kept.seen(named, NOW + timedelta(seconds=seconds))
        last = kept.last()
        assert last is not None
        assert last.seen_at == NOW + timedelta(seconds=0 if seconds < 60 else 61)


def test_a_disk_that_takes_nothing_stops_no_endpoint(
    deployment: Any, settings: Settings, bundle_of: BundleOf, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.promote(bundle_of())
    (deployment.paths.artifacts / "serving").mkdir()
    (deployment.paths.artifacts / "serving" / f"{MODEL_NAME}.json").mkdir()  # no file can be there
    with started(settings) as client:
        assert client.get("/health/ready").status_code == 200
    said = [line for line in caplog.messages if "a restart without the registry" in line]
    assert len(said) == 1


@pytest.mark.parametrize("age_s", [0, 59])
def test_a_registry_that_is_restarted_is_no_news(age_s: int) -> None:
    stands = Standing(NOW, NOW, DAY)
    assert stands.note(NOW + timedelta(seconds=age_s)) == ""


def test_a_champion_whose_alias_is_gone_says_so_without_blaming_the_registry() -> None:
    note = Standing(NOW, None, DAY).note(NOW + timedelta(hours=1))
    assert note == "champion as of 2026-11-30T10:00:00+00:00, the registry does not name it since"
