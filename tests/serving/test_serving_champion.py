"""Taking a new champion without a restart, and keeping the old one when the new one is unsound."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.registries import closed_port

from pipelines.errors import ConfigError
from pipelines.fusion.bundle import DESCRIPTION, GOLDEN, Bundle, write_bundle
from pipelines.registry.aliases import restore_champion, set_champion
from pipelines.registry.lookup import MODEL_NAME, connect, get_version
from pipelines.registry.register import register_bundle
from pipelines.storage import read_json, sha256_file, write_json
from serving.app import create_app
from serving.settings import Settings, load_settings

KEY = "a-key-for-tests"
BundleOf = Callable[..., Bundle]
Eventually = Callable[..., None]


def test_ready_says_why_not(client: TestClient, eventually: Eventually) -> None:
    response = client.get("/health/ready")

    assert response.status_code == 503
    assert "no champion" in response.json()["detail"]
    assert client.get("/health/live").status_code == 200
    assert client.get("/model").json()["bundle_id"] is None


def test_a_new_champion_is_taken_without_a_restart(
    serving_client: TestClient,
    deployment: Any,
    bundle_of: BundleOf,
    row: dict[str, Any],
    eventually: Eventually,
) -> None:
    old = serving_client.post("/predictions", json={"rows": [row]}).json()["predictions"][0]
    version = deployment.promote(bundle_of(bias=1.5))

    eventually(lambda: serving_client.get("/model").json()["version"] == version)

    new = serving_client.post("/predictions", json={"rows": [row]}).json()["predictions"][0]
    assert new["probability"] > old["probability"]
    assert (old["model_version"], new["model_version"]) == ("1", version)
    assert serving_client.get("/health/ready").json()["status"] == "ready"


def test_a_worker_that_starts_beside_others_refuses_nobody(
    deployment: Any, settings: Settings, bundle_of: BundleOf, row: dict[str, Any]
) -> None:
    deployment.promote(bundle_of())

    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as started:
        response = started.post("/predictions", json={"rows": [row]})

    assert response.status_code == 200


def test_a_damaged_champion_leaves_the_old_one_serving(
    serving_client: TestClient,
    deployment: Any,
    bundle_of: BundleOf,
    row: dict[str, Any],
    eventually: Eventually,
) -> None:
    version = deployment.register(bundle_of(bias=1.5))
    entry = get_version(version)
    stored = deployment.paths.artifacts / "mlflow" / "artifacts" / entry.run_id
    weights = min(stored.rglob("linear.safetensors"))
    weights.write_bytes(b"damaged")
    set_champion(version)

    eventually(lambda: serving_client.get("/model").json()["candidate_error"] is not None)

    body = serving_client.get("/model").json()
    answer = serving_client.post("/predictions", json={"rows": [row]}).json()["predictions"][0]
    assert body["candidate_error"]["bundle_id"] == entry.bundle_id
    assert "damaged" in body["candidate_error"]["error"]
    assert (body["version"], answer["model_version"]) == ("1", "1")
    assert "denguard_champion_failing 1.0" in serving_client.get("/metrics").text


def test_a_bundle_with_other_golden_rows_is_not_taken(
    serving_client: TestClient, deployment: Any, bundle_of: BundleOf, eventually: Eventually
) -> None:
    folder = write_bundle(bundle_of(bias=0.7), deployment.paths.artifacts / "made" / "x" / "bundle")
    golden = read_json(folder / GOLDEN)
    golden["rows"][0]["probability"] = {"1": 0.111, "4": 0.111}  # type: ignore[index]
    write_json(folder / GOLDEN, golden)
    described = read_json(folder / DESCRIPTION)
    described["files"][GOLDEN] = sha256_file(folder / GOLDEN)  # type: ignore[index]
    write_json(folder / DESCRIPTION, described)
    set_champion(register_bundle(folder, "weekly"))

    eventually(lambda: serving_client.get("/model").json()["candidate_error"] is not None)

    assert "golden" in serving_client.get("/model").json()["candidate_error"]["error"]
    assert serving_client.get("/model").json()["version"] == "1"


def test_a_registry_that_is_gone_leaves_the_champion_serving(
    serving_client: TestClient, deployment: Any, row: dict[str, Any], eventually: Eventually
) -> None:
    shutil.move(deployment.paths.artifacts / "mlflow", deployment.paths.home / "away")

    eventually(lambda: serving_client.get("/model").json()["last_error"] is not None)

    assert serving_client.post("/predictions", json={"rows": [row]}).status_code == 200


def test_the_way_back_clears_the_candidate_error(
    serving_client: TestClient, deployment: Any, bundle_of: BundleOf, eventually: Eventually
) -> None:
    version = deployment.register(bundle_of(bias=1.5))
    stored = deployment.paths.artifacts / "mlflow" / "artifacts" / get_version(version).run_id
    weights = min(stored.rglob("linear.safetensors"))
    weights.write_bytes(b"damaged")
    set_champion(version)
    eventually(lambda: serving_client.get("/model").json()["candidate_error"] is not None)

    set_champion("1")

    eventually(lambda: serving_client.get("/model").json()["candidate_error"] is None)
    assert serving_client.get("/model").json()["last_error"]


def test_the_endpoint_does_not_start_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DENGUARD_API_KEY_SHA256", raising=False)

    with pytest.raises(ConfigError, match="DENGUARD_API_KEY_SHA256") as err:
        load_settings()
    assert "token_urlsafe" in err.value.fix


def test_a_plain_key_in_place_of_its_hash_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENGUARD_API_KEY_SHA256", "my-secret-key")

    with pytest.raises(ConfigError) as err:
        load_settings()
    assert "my-secret-key" not in str(err.value)


def test_two_keys_work_while_one_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENGUARD_API_KEY_SHA256", f"{'a' * 64}, {'B' * 64}")

    assert load_settings().api_key_sha256 == ("a" * 64, "b" * 64)


@pytest.mark.parametrize("kind", [ModuleNotFoundError, MemoryError])
def test_whatever_goes_wrong_with_the_registry_is_said_and_survived(
    kind: type[Exception],
    client: TestClient,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(*_: object) -> None:
        raise kind("No module named 'some_driver'")

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.registry.served._File.named", absent)
        eventually(lambda: "some_driver" in str(client.get("/model").json()["last_error"]))
        assert "some_driver" in client.get("/health/ready").json()["detail"]

    eventually(lambda: "no champion" in client.get("/health/ready").json()["detail"])


def _never(deployment: Any, bundle_of: BundleOf, patch: pytest.MonkeyPatch) -> None:
    """Nothing was ever promoted."""


def _taken_back(deployment: Any, bundle_of: BundleOf, patch: pytest.MonkeyPatch) -> None:
    """The first champion was put back, as after a deployment that the endpoint refused."""
    deployment.register(bundle_of())
    before = set_champion("1")
    restore_champion(before)


def _alias_lost(deployment: Any, bundle_of: BundleOf, patch: pytest.MonkeyPatch) -> None:
    deployment.promote(bundle_of())
    connect().delete_registered_model_alias(MODEL_NAME, "champion")


def _damaged(deployment: Any, bundle_of: BundleOf, patch: pytest.MonkeyPatch) -> None:
    deployment.promote(bundle_of())
    for file in (deployment.paths.artifacts / "mlflow" / "artifacts").rglob(DESCRIPTION):
        file.write_text("{}", encoding="utf-8")


def _mlflow_away(deployment: Any, bundle_of: BundleOf, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    patch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")


CAUSES: dict[Callable[..., None], tuple[str, str]] = {
    _never: ("no-champion", "run the weekly cycle until a model is promoted"),
    _taken_back: ("champion-taken-away", "judged as a first champion"),
    _alias_lost: ("champion-lost", "put the registry's database back"),
    _damaged: ("champion-unusable", "register the run's bundle again, or move the alias back"),
    _mlflow_away: ("registry-away", "check MLFLOW_TRACKING_URI"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_what_to_do_fits_the_reason_why_nothing_answers(
    cause: Any,
    deployment: Any,
    settings: Settings,
    bundle_of: BundleOf,
    row: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cause(deployment, bundle_of, monkeypatch)
    slug, fix = CAUSES[cause]
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as started:
        for answer in (
            started.get("/health/ready"),
            started.post("/predictions", json={"rows": [row]}),
            started.get("/forecast"),
        ):
            body = answer.json()
            assert (answer.status_code, body["type"]) == (503, f"urn:denguard:problem:{slug}")
            assert fix in body["fix"]
