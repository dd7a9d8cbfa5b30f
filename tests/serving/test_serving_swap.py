"""GET /forecast between a champion's swap and its own first forecast: the former champion's.

What a person took back does not come back that way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.published import forecast_rows
from support.registries import closed_port

from pipelines.fusion.bundle import Bundle
from pipelines.inference.forecast import publish_forecast
from pipelines.inference.prediction_log import read_predictions
from pipelines.registry.aliases import AuditReason, set_champion
from pipelines.registry.lookup import get_version
from pipelines.registry.named import MODEL_NAME
from pipelines.registry.rollback import roll_back
from pipelines.registry.rolled_back import mark_rolled_back
from pipelines.run.withdrawn import withdraw
from pipelines.storage import write_json
from serving.app import create_app
from serving.settings import Settings

KEY = "a-key-for-tests"
RULE = "median_2016_2017"
PERSON = AuditReason("Ana", "it warned of nothing")
Eventually = Callable[..., None]


@dataclass
class Swaps:
    """Versions "1" and "2" of a running endpoint, and what they forecast."""

    client: TestClient
    deployment: Any
    eventually: Eventually
    data: dict[str, Any] = field(default_factory=lambda: {"label_rule_id": RULE})

    def promote(self, bundle: Bundle) -> str:
        version: str = self.deployment.promote(bundle)
        self.served(version)
        return version

    def served(self, version: str) -> None:
        self.eventually(lambda: self.client.get("/model").json().get("version") == version)

    def publish(self, version: str, week: str, drops: tuple[str, ...] = ()) -> Path:
        """A forecast by a version, made from a dataset version of its own that rests on drops."""
        artifacts = self.deployment.paths.artifacts
        dataset = f"data-{version}-{week}"
        facts = {**self.data, "drops": [{"received_date": drop} for drop in drops]}
        write_json(artifacts / "datasets" / dataset / "dataset.json", facts)
        table = forecast_rows(get_version(version).bundle_id, week, 0.3)
        made = table.assign(model_version=version, dataset_version=dataset)
        return publish_forecast(made, artifacts / "forecasts")

    def forecast(self, **params: str) -> tuple[int, dict[str, Any]]:
        answer = self.client.get("/forecast", params=params)
        return answer.status_code, answer.json()


@pytest.fixture
def swaps(
    client: TestClient, deployment: Any, eventually: Eventually, bundle_of: Callable[..., Bundle]
) -> Swaps:
    """Version 1 serves and forecast 2018-w47."""
    found = Swaps(client, deployment, eventually)
    assert found.promote(bundle_of()) == "1"
    found.publish("1", "2018-w47", ("2018-12-01",))
    return found


@pytest.fixture
def second(bundle_of: Callable[..., Bundle]) -> Bundle:
    return bundle_of(bias=1.5)


def test_until_the_new_champion_has_a_forecast_the_former_ones_is_given_and_says_whose_it_is(
    swaps: Swaps, second: Bundle
) -> None:
    _, before = swaps.forecast()
    assert "made_by" not in before and "note" not in before
    swaps.promote(second)

    status, body = swaps.forecast()

    maker = {"model_version": "1", "bundle_id": get_version("1").bundle_id}
    assert (status, body["made_by"]) == (200, maker)
    assert body["rows"] == before["rows"]
    assert body["note"] == (
        "version 2 is champion now and its own forecast is not made yet; until it is, this is "
        f"{before['forecast_version']}, by bundle {maker['bundle_id']}, version 1, which served "
        "before it"
    )


def test_its_own_takes_its_place_as_soon_as_it_is_there(swaps: Swaps, second: Bundle) -> None:
    swaps.promote(second)
    own = swaps.publish("2", "2018-w47")
    status, body = swaps.forecast()
    assert (status, body["forecast_version"]) == (200, own.name)
    assert "made_by" not in body and "note" not in body


def test_no_question_is_refused_while_champions_come_and_forecast(
    swaps: Swaps, bundle_of: Callable[..., Bundle]
) -> None:
    for number in (2, 3, 4):
        swaps.promote(bundle_of(bias=float(number)))
        assert swaps.forecast()[0] == 200
        swaps.publish(str(number), f"2018-w{47 + number}")
        status, body = swaps.forecast()
        assert (status, body["origin_week"]) == (200, f"2018-w{47 + number}")


def test_the_prediction_log_names_the_bundle_that_made_the_forecast(
    swaps: Swaps, second: Bundle
) -> None:
    swaps.promote(second)
    _, body = swaps.forecast(municipality_code="5001")
    logged = read_predictions(swaps.deployment.paths, body["trace_id"])
    assert logged is not None
    assert (logged.model_version, logged.bundle_id) == ("1", get_version("1").bundle_id)


def test_a_champion_that_was_rolled_back_never_stands_in(swaps: Swaps, second: Bundle) -> None:
    swaps.promote(second)
    swaps.publish("2", "2018-w48")
    for path in (swaps.deployment.paths.artifacts / "forecasts").glob("2018-w47-*/forecast.*"):
        path.unlink()  # version 1 is left without any

    roll_back(PERSON, paths=swaps.deployment.paths)
    swaps.served("1")

    assert swaps.forecast()[0] == 503


def test_nor_does_one_that_a_person_marked_and_the_alias_still_names(
    swaps: Swaps, second: Bundle
) -> None:
    mark_rolled_back("1", "wrong counts", swaps.deployment.paths, MODEL_NAME)
    swaps.promote(second)
    assert swaps.forecast()[0] == 503


def test_a_champion_of_longer_ago_does_not_stand_in(
    swaps: Swaps, second: Bundle, bundle_of: Callable[..., Bundle]
) -> None:
    swaps.promote(second)
    swaps.promote(bundle_of(bias=2.5))
    assert swaps.forecast()[0] == 503


def test_a_withdrawn_forecast_of_the_former_champion_gives_way_to_its_earlier_one(
    swaps: Swaps, second: Bundle
) -> None:
    bad = swaps.publish("1", "2018-w48")
    swaps.promote(second)
    withdraw(swaps.deployment.paths, "forecast", bad.name, "Ana", "made from wrong counts")
    status, body = swaps.forecast()
    assert (status, body["origin_week"]) == (200, "2018-w47")


@pytest.mark.parametrize("record_is_seen", [True, False])  # a container sees artifacts/ alone
def test_one_that_rests_on_a_withdrawn_drop_gives_way_as_well(
    record_is_seen: bool, swaps: Swaps, second: Bundle
) -> None:
    swaps.publish("1", "2018-w48", ("2018-12-01", "2018-12-08"))
    swaps.promote(second)
    assert swaps.forecast()[1]["origin_week"] == "2018-w48"
    withdraw(swaps.deployment.paths, "drop", "2018-12-08", "Ana", "counts of another country")
    if not record_is_seen:
        (swaps.deployment.paths.data / "withdrawn" / "2018-12-08.json").unlink()
    assert swaps.forecast()[1]["origin_week"] == "2018-w47"


def test_one_by_another_label_rule_or_of_data_that_nobody_knows_does_not_stand_in(
    swaps: Swaps, second: Bundle
) -> None:
    swaps.promote(second)
    swaps.data = {"label_rule_id": "another rule"}
    swaps.publish("1", "2018-w47")
    (swaps.deployment.paths.artifacts / "datasets/data-1-2018-w47/dataset.json").unlink()
    assert swaps.forecast()[0] == 503
    swaps.publish("1", "2018-w48")
    assert swaps.forecast()[0] == 503


def test_an_earlier_week_that_was_asked_for_by_name_is_the_champions_own_or_none(
    swaps: Swaps, second: Bundle
) -> None:
    swaps.promote(second)
    assert swaps.forecast(origin_week="2018-w47")[0] == 404


def test_the_former_champions_also_stands_in_for_the_champions_only_one_that_was_withdrawn(
    swaps: Swaps, second: Bundle
) -> None:
    swaps.promote(second)
    bad = swaps.publish("2", "2018-w48")
    withdraw(swaps.deployment.paths, "forecast", bad.name, "Ana", "made from wrong counts")
    status, body = swaps.forecast()
    assert (status, body["made_by"]["model_version"]) == (200, "1")
    assert f"forecast {bad.name} was withdrawn on" in body["note"]


def test_a_restart_while_the_registry_is_away_changes_nothing(
    swaps: Swaps, second: Bundle, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    swaps.promote(second)
    kept = swaps.deployment.paths.artifacts / "serving" / f"{MODEL_NAME}.json"
    swaps.eventually(lambda: '"version":"2"' in kept.read_text().replace(" ", ""))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {KEY}"}) as later:
        swaps.eventually(lambda: later.get("/health/ready").status_code == 200)
        assert later.get("/forecast").json()["made_by"]["model_version"] == "1"


def test_without_any_former_champion_it_still_says_what_to_run(
    client: TestClient, deployment: Any, eventually: Eventually, second: Bundle
) -> None:
    Swaps(client, deployment, eventually).promote(second)
    set_champion("1")
    assert client.get("/forecast").status_code == 503
