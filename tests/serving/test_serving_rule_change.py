"""A person adopted another label rule: the old champion goes on answering and says so
everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.published import forecast_rows

from pipelines.contracts import SUPERSEDED
from pipelines.fusion.bundle import Bundle
from pipelines.inference.forecast import publish_forecast
from pipelines.registry.adopt import adopt_rule
from pipelines.registry.aliases import AuditReason
from pipelines.registry.lookup import lookup
from pipelines.registry.rollback import promote_by_hand
from serving.app import create_app
from serving.settings import Settings

BundleOf = Callable[..., Bundle]
Eventually = Callable[..., None]
OLD, NEW = "median_2016_2017", "channel_median5_hw2"
HEADERS = {"Authorization": "Bearer a-key-for-tests"}


def _said(client: TestClient, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Every place that names the rules."""
    (answer,) = client.post("/predictions", json={"rows": [row]}).json()["predictions"]
    others = [client.get(path) for path in ("/forecast", "/model", "/health/ready")]
    return [answer, *(response.json() for response in others)]


def _rules(client: TestClient, row: dict[str, Any]) -> set[tuple[str, str | None]]:
    return {(body["label_rule_id"], body["adopted_rule_id"]) for body in _said(client, row)}


@pytest.fixture
def published(serving_client: TestClient, deployment: Any) -> TestClient:
    bundle_id = serving_client.get("/model").json()["bundle_id"]
    publish_forecast(
        forecast_rows(bundle_id, "2018-w48", 0.3), deployment.paths.artifacts / "forecasts"
    )
    return serving_client


@pytest.fixture
def adopted(published: TestClient, deployment: Any, eventually: Eventually) -> TestClient:
    adopt_rule(NEW, AuditReason("Ana", "a channel now"), paths=deployment.paths)
    eventually(lambda: published.get("/model").json()["adopted_rule_id"] == NEW)
    return published


def test_while_there_is_a_champion_no_rule_is_awaited(
    published: TestClient, row: dict[str, Any]
) -> None:
    assert _rules(published, row) == {(OLD, None)}


def test_an_endpoint_that_runs_goes_on_and_names_both_rules(
    adopted: TestClient, row: dict[str, Any]
) -> None:
    assert _rules(adopted, row) == {(OLD, NEW)}


def test_one_that_is_started_later_answers_alike(
    adopted: TestClient, settings: Settings, row: dict[str, Any]
) -> None:
    with TestClient(create_app(settings), headers=HEADERS) as later:
        assert _rules(later, row) == {(OLD, NEW)}
        assert later.get("/model").json()["version"] == adopted.get("/model").json()["version"]


def test_the_first_champion_of_the_new_rule_is_taken_and_nothing_is_awaited_any_more(
    adopted: TestClient,
    deployment: Any,
    bundle_of: BundleOf,
    eventually: Eventually,
    row: dict[str, Any],
) -> None:
    version = deployment.promote(bundle_of(bias=1.5, label_rule_id=NEW))
    eventually(lambda: adopted.get("/model").json()["version"] == version)
    (answer,) = adopted.post("/predictions", json={"rows": [row]}).json()["predictions"]
    assert (answer["label_rule_id"], answer["adopted_rule_id"]) == (NEW, None)


def test_an_old_champion_that_a_person_brings_back_awaits_nothing(
    adopted: TestClient, deployment: Any, eventually: Eventually, row: dict[str, Any]
) -> None:
    old = lookup(SUPERSEDED, deployment.paths)
    assert old is not None
    promote_by_hand(old.version, AuditReason("Eva", "adopted too early"), paths=deployment.paths)
    eventually(lambda: adopted.get("/model").json()["adopted_rule_id"] is None)
    assert _rules(adopted, row) == {(OLD, None)}
