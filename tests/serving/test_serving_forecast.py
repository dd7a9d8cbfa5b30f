"""GET /forecast: what was published, by unit and week; the way to a champion that reads more than a
row.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from support.published import forecast_rows

from pipelines.code_changes import CodeChange
from pipelines.contracts import CHAMPION, WITHOUT
from pipelines.fusion.bundle import Bundle, write_bundle
from pipelines.fusion.linear import LinearModel
from pipelines.inference.forecast import publish_forecast
from pipelines.inference.prediction_log import read_predictions
from pipelines.lineage import trace
from pipelines.models.baselines import Climatology
from pipelines.place_config import CodesConfig, PlaceConfig
from pipelines.registry.aliases import set_champion
from pipelines.registry.lookup import lookup
from pipelines.registry.register import register_bundle
from pipelines.run.success import record_success
from pipelines.run.withdrawn import withdraw


@pytest.fixture
def publish(deployment: Any) -> Callable[..., Path]:
    """Publish a forecast of the champion, or of another bundle."""

    def one(week: str, probability: float = 0.25, bundle_id: str | None = None) -> Path:
        named = lookup(CHAMPION, deployment.paths)
        assert named is not None
        table = forecast_rows(bundle_id or named.bundle_id, week, probability)
        return publish_forecast(table, deployment.paths.artifacts / "forecasts")

    return one


def test_it_answers_one_unit_and_horizon_from_the_newest_forecast(
    serving_client: TestClient, publish: Any
) -> None:
    publish("2018-w47", 0.1)
    newest = publish("2018-w48", 0.3)
    publish("2018-w49", 0.9, bundle_id="another")

    body = serving_client.get(
        "/forecast", params={"municipality_code": "5001", "horizon_weeks": 4}
    ).json()

    assert (body["forecast_version"], body["origin_week"]) == (newest.name, "2018-w48")
    (row,) = body["rows"]
    assert (row["municipality_code"], row["horizon_weeks"], row["probability"]) == ("05001", 4, 0.3)
    assert row["scene_date"] is None and row["provisional"] is True


def test_a_half_made_forecast_is_none(serving_client: TestClient, publish: Any) -> None:
    newest = publish("2018-w48", 0.3)
    publish("2018-w49", 0.9).rename(newest.with_name(".2018-w49-1a2b.k1llx3d"))
    assert serving_client.get("/forecast").json()["forecast_version"] == newest.name


def test_a_forecast_without_this_weeks_data_says_so_and_why_until_a_run_makes_one(
    serving_client: TestClient, publish: Any, deployment: Any
) -> None:
    publish("2018-w48", 0.3)
    answer = serving_client.get("/forecast").json()
    assert answer["data_state"] == "current" and "why" not in answer

    table = pd.read_parquet(publish("2018-w48", 0.3) / "forecast.parquet")
    marked = table.assign(data_state=WITHOUT)
    publish_forecast(
        marked, deployment.paths.artifacts / "forecasts", facts={"why": "MLflow is away"}
    )
    answer = serving_client.get("/forecast").json()
    assert (answer["data_state"], answer["why"]) == (WITHOUT, "MLflow is away")
    assert {row["data_state"] for row in answer["rows"]} == {WITHOUT}

    publish("2018-w48", 0.3)
    assert serving_client.get("/forecast").json()["data_state"] == "current"


def test_a_forecast_of_an_earlier_version_of_denguard_is_a_finished_runs(
    serving_client: TestClient, publish: Any
) -> None:
    file = publish("2018-w48", 0.3) / "forecast.parquet"
    pd.read_parquet(file).drop(columns="data_state").to_parquet(file)
    assert serving_client.get("/forecast").json()["data_state"] == "current"


def test_it_answers_an_earlier_week_by_its_name(serving_client: TestClient, publish: Any) -> None:
    publish("2018-w47", 0.1)
    publish("2018-w48", 0.3)

    body = serving_client.get("/forecast", params={"origin_week": "2018-w47"}).json()

    assert {row["probability"] for row in body["rows"]} == {0.1}
    assert len(body["rows"]) == 4


@pytest.mark.parametrize(
    "asked_for",
    [{"municipality_code": "5001", "horizon_weeks": 4}, {"municipality_code": "05001"}, {}],
)
def test_an_answer_is_logged_before_it_is_sent_and_traced_to_forecast_and_bundle(
    asked_for: dict[str, Any], serving_client: TestClient, publish: Any, deployment: Any
) -> None:
    made = publish("2018-w48", 0.3)

    response = serving_client.get("/forecast", params=asked_for)

    body, paths = response.json(), deployment.paths
    logged = read_predictions(paths, response.headers["X-Trace-Id"])
    assert logged is not None and body["trace_id"] == logged.trace_id
    assert logged.input_sha256 == hashlib.sha256(response.request.url.query).hexdigest()
    assert (logged.forecast_version, logged.bundle_id) == (made.name, body["rows"][0]["bundle_id"])
    one_unit = body["rows"] if asked_for else []
    assert [
        (p.municipality_code, p.horizon_weeks, p.probability, p.outbreak)
        for p in logged.predictions
    ] == [
        (r["municipality_code"], r["horizon_weeks"], r["probability"], r["outbreak_expected"])
        for r in one_unit
    ]
    rests_on = {node.key for node in trace(body["trace_id"], paths, "up").nodes()}
    assert {f"forecast:{made.name}", f"bundle:{logged.bundle_id}"} <= rests_on


def test_a_refused_question_leaves_no_line(
    serving_client: TestClient, publish: Any, deployment: Any
) -> None:
    publish("2018-w48")
    for params in ({"municipality_code": "99999"}, {"origin_week": "2018-w40"}):
        response = serving_client.get("/forecast", params=params)
        assert read_predictions(deployment.paths, response.headers["X-Trace-Id"]) is None


def test_an_old_code_is_answered_as_what_it_became_and_the_answer_says_so(
    client: TestClient, deployment: Any, publish: Any, bundle_of: Any, eventually: Any
) -> None:
    gone = [CodeChange(old="5999", new="5001"), CodeChange(old="5998", new="5002")]
    place = PlaceConfig(codes=CodesConfig(kind="dane", changes=tuple(gone)), language="es")
    deployment.promote(bundle_of(place=place))
    eventually(lambda: client.get("/model").json()["bundle_id"] is not None)
    publish("2018-w48")

    body = client.get("/forecast", params={"municipality_code": "5999", "horizon_weeks": 4}).json()
    assert body["rows"][0]["municipality_code"] == "05001"
    assert body["note"] == "05999 is 05001 today"
    now = client.get("/forecast", params={"municipality_code": "5001"}).json()
    assert "note" not in now and now["rows"][0]["scene_date"] is None
    sent = {"vectors": [{"municipality_code": "5999", "horizon_weeks": 4, "covariates": {}}]}
    answered = client.post("/predictions", json=sent).json()
    assert answered["predictions"][0]["municipality_code"] == "05001"
    assert answered["notes"] == ["05999 is 05001 today"]
    refused = client.get("/forecast", params={"municipality_code": "5998"}).json()
    assert refused["errors"][0]["what"].startswith("5998 (05998 is 05002 today) is not known")


@pytest.mark.parametrize(
    ("params", "status", "slug"),
    [
        ({"municipality_code": "99999"}, 422, "unknown-municipality"),
        ({"horizon_weeks": 9}, 422, "unknown-horizon"),
        ({"horizon_weeks": 13}, 422, "invalid-fields"),
        ({"origin_week": "2018-w53"}, 422, "unknown-week"),
        ({"origin_week": "../../x"}, 422, "unknown-week"),
        ({"origin_week": "2018-w40"}, 404, "no-forecast"),
    ],
)
def test_what_it_cannot_answer_is_refused_with_a_reason(
    serving_client: TestClient, publish: Any, params: dict[str, Any], status: int, slug: str
) -> None:
    publish("2018-w48")
    response = serving_client.get("/forecast", params=params)
    assert (response.status_code, response.json()["type"].rsplit(":", 1)[-1]) == (status, slug)


def test_without_a_forecast_of_the_champion_it_says_what_to_run(serving_client: TestClient) -> None:
    response = serving_client.get("/forecast")
    assert response.status_code == 503
    assert "run the forecast step" in response.json()["fix"]


def test_it_asks_for_the_key(serving_client: TestClient) -> None:
    assert serving_client.get("/forecast", headers={"Authorization": ""}).status_code == 401


def test_a_champion_that_reads_more_than_a_row_refuses_rows_and_answers_from_the_forecast(
    client: TestClient,
    deployment: Any,
    bundle_of: Callable[..., Bundle],
    eventually: Callable[..., None],
    row: dict[str, Any],
    publish: Any,
) -> None:
    plain = bundle_of(head="climatology")
    climatology = Climatology(0.2, {"05001": (0.4,) * 52})
    models = {h: replace(model, forecaster=climatology) for h, model in plain.models.items()}
    deployment.promote(replace(plain, models=models))
    eventually(lambda: client.get("/model").json().get("head") == "climatology")
    publish("2018-w48", 0.4)

    refused = client.post("/predictions", json={"rows": [row]})

    assert client.get("/model").json()["lone_row"] is False
    assert refused.status_code == 422
    assert refused.json()["type"].endswith("row-is-not-enough")
    assert "GET /forecast" in refused.json()["fix"]
    assert client.get("/forecast", params={"municipality_code": "05001"}).status_code == 200


def test_a_provisional_champion_is_marked_in_the_description_of_the_model(
    client: TestClient,
    deployment: Any,
    bundle_of: Callable[..., Bundle],
    eventually: Callable[..., None],
) -> None:
    folder = write_bundle(bundle_of(), deployment.paths.artifacts / "made" / "bundle")
    set_champion(register_bundle(folder, "weekly", provisional=True))
    eventually(lambda: client.get("/model").json().get("provisional") is True)


def test_a_covariate_that_no_field_gives_is_asked_for_as_a_vector(
    client: TestClient,
    deployment: Any,
    bundle_of: Callable[..., Bundle],
    eventually: Callable[..., None],
    row: dict[str, Any],
) -> None:
    names = ("season_sin1", "humidity_pct")
    plain = bundle_of(covariate_names=names)
    linear = LinearModel(np.zeros(2), np.ones(2), np.array([0.0, 1.0]), 0.0, names)
    deployment.promote(
        replace(plain, models={h: replace(m, forecaster=linear) for h, m in plain.models.items()})
    )
    eventually(lambda: client.get("/model").json()["bundle_id"] is not None)
    vector = {"municipality_code": "05001", "horizon_weeks": 4, "covariates": {"humidity_pct": 2.0}}

    refused = client.post("/predictions", json={"rows": [row]}).json()
    answer = client.post("/predictions", json={"vectors": [vector]}).json()["predictions"][0]

    assert "humidity_pct" in refused["detail"]
    assert answer["probability"] == pytest.approx(1 / (1 + np.exp(-2.0)))


def withdraw_now(deployment: Any, version: str) -> None:
    withdraw(deployment.paths, "forecast", version, "Ana", "made from wrong counts")


def test_a_withdrawn_forecast_is_passed_over_at_once_and_the_answer_says_so(
    serving_client: TestClient, publish: Any, deployment: Any
) -> None:
    earlier, newest = publish("2018-w47", 0.1), publish("2018-w48", 0.3)
    assert serving_client.get("/forecast").json()["forecast_version"] == newest.name
    withdraw_now(deployment, newest.name)

    body = serving_client.get("/forecast", params={"municipality_code": "5001"}).json()

    assert (body["forecast_version"], {row["probability"] for row in body["rows"]}) == (
        earlier.name,
        {0.1},
    )
    assert f"forecast {newest.name} was withdrawn on" in body["note"]
    assert "made from wrong counts" in body["note"]


def test_a_week_that_was_taken_back_gives_way_to_the_older_one_that_a_run_finished_after_it(
    serving_client: TestClient, publish: Any, deployment: Any
) -> None:
    taken_back, newest = publish("2018-w48", 0.3), publish("2018-w47", 0.1)
    made = datetime(2018, 12, 4, tzinfo=UTC)
    os.utime(taken_back, (made.timestamp(), made.timestamp()))
    record_success(deployment.paths, "run", "2018-w47", newest.name, made + timedelta(hours=1))
    assert serving_client.get("/forecast").json()["forecast_version"] == newest.name
    asked = serving_client.get("/forecast", params={"origin_week": "2018-w48"}).json()
    assert asked["forecast_version"] == taken_back.name


def test_a_newer_week_whose_run_has_not_finished_is_not_given_up(
    serving_client: TestClient, publish: Any, deployment: Any
) -> None:
    before, newest = publish("2018-w47", 0.1), publish("2018-w48", 0.3)
    finished = datetime.fromtimestamp(newest.stat().st_mtime, UTC) - timedelta(hours=1)
    record_success(deployment.paths, "run", "2018-w47", before.name, finished)
    assert serving_client.get("/forecast").json()["forecast_version"] == newest.name


def test_a_damaged_note_of_the_last_forecast_takes_no_forecast_away(
    serving_client: TestClient, publish: Any, deployment: Any
) -> None:
    newest = publish("2018-w48", 0.3)
    (deployment.paths.artifacts / "last_success.json").write_text("{}")
    assert serving_client.get("/forecast").json()["forecast_version"] == newest.name


def test_asked_for_by_its_version_a_withdrawn_forecast_is_given_and_marked(
    serving_client: TestClient, publish: Any, deployment: Any
) -> None:
    made = publish("2018-w48", 0.3)
    unmarked = serving_client.get("/forecast", params={"forecast_version": made.name}).json()
    withdraw_now(deployment, made.name)

    body = serving_client.get("/forecast", params={"forecast_version": made.name}).json()

    assert body["rows"] == unmarked["rows"] and "withdrawn" not in unmarked
    assert body["withdrawn"]["reason"] == "made from wrong counts"


@pytest.mark.parametrize(("params", "status"), [({}, 503), ({"origin_week": "2018-w48"}, 404)])
def test_without_another_forecast_it_is_refused_with_the_reason(
    params: dict[str, str], status: int, serving_client: TestClient, publish: Any, deployment: Any
) -> None:
    made = publish("2018-w48", 0.3)
    publish("2018-w48", 0.9, bundle_id="another")  # of a label rule that nobody here knows
    withdraw_now(deployment, made.name)

    response = serving_client.get("/forecast", params=params)

    assert response.status_code == status and response.json()["type"].endswith("forecast-withdrawn")
    assert "made from wrong counts" in response.json()["detail"]


@pytest.mark.parametrize(
    "version", ["2018-w48-0123456789abcdef", "../../../etc/passwd", "2018-w48"]
)
def test_a_version_that_is_none_is_refused(
    version: str, serving_client: TestClient, publish: Any
) -> None:
    publish("2018-w48", 0.3)
    assert serving_client.get("/forecast", params={"forecast_version": version}).status_code in (
        404,
        422,
    )
