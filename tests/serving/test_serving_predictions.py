"""POST /predictions: what a good request gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pipelines.contracts import COVARIATE_NAMES


def test_a_row_of_fields_is_answered(serving_client: TestClient, row: dict[str, Any]) -> None:
    response = serving_client.post("/predictions", json={"rows": [row]})

    body = response.json()
    (answer,) = body["predictions"]
    assert response.status_code == 200, body
    assert 0 < answer["probability"] < 1
    assert answer["outbreak"] == (answer["probability"] >= answer["decision_threshold"])
    assert answer["mask"] == {"image": "not used by this head", "text": "not used by this head"}
    assert (answer["model_version"], answer["head"], answer["lambda_shift"]) == ("1", "linear", 0.0)
    assert (answer["threshold_cases"], answer["data_version"]) == (40.0, "d1")
    assert (answer["target_week"], answer["synthetic_scenes"]) == ("2018-w52", True)
    assert answer["trace_id"] == body["trace_id"] == response.headers["X-Trace-Id"]


def test_more_cases_are_more_probably_an_outbreak(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    rows = [{**row, "recent_cases": [level] * 12} for level in (0, 20, 200)]

    answers = serving_client.post("/predictions", json={"rows": rows}).json()["predictions"]

    probabilities = [answer["probability"] for answer in answers]
    assert probabilities == sorted(probabilities)
    assert len(set(probabilities)) == 3


def test_a_batch_answers_in_order_and_as_singles_do(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    rows = [
        {**row, "municipality_code": code, "horizon_weeks": horizon}
        for code in ("05360", "5001")
        for horizon in (4, 1)
    ] * 5

    batch = serving_client.post("/predictions", json={"rows": rows}).json()["predictions"]

    singles = [
        serving_client.post("/predictions", json={"rows": [one]}).json()["predictions"][0]
        for one in rows[:4]
    ]
    assert [a["probability"] for a in batch[:4]] == pytest.approx(
        [a["probability"] for a in singles], abs=1e-6
    )
    assert [a["municipality_code"] for a in batch[:4]] == ["05360", "05360", "05001", "05001"]


def test_vectors_are_answered(serving_client: TestClient) -> None:
    covariates = {name: 1.0 for name in COVARIATE_NAMES[:-1]} | {COVARIATE_NAMES[-1]: None}
    vector = {"municipality_code": "05001", "horizon_weeks": 1, "covariates": covariates}

    response = serving_client.post(
        "/predictions", json={"vectors": [vector, {**vector, "image": [0.1, 0.2], "text": [0.3]}]}
    )

    plain, with_vectors = response.json()["predictions"]
    assert plain["probability"] == with_vectors["probability"]
    assert plain["target_week"] is None


def test_a_row_with_a_scene_is_answered(
    serving_client: TestClient, row: dict[str, Any], png: bytes
) -> None:
    response = serving_client.post(
        "/predictions",
        data={"row": json.dumps(row)},
        files={"scene": ("image_2018-11-01.png", png, "image/png")},
    )

    (answer,) = response.json()["predictions"]
    assert answer["scene_quality"] == "ok"
    assert answer["mask"]["image"] == "not used by this head"


def test_the_model_route_says_what_the_model_rests_on(serving_client: TestClient) -> None:
    body = serving_client.get("/model").json()

    assert (body["version"], body["head"], body["municipalities"]) == ("1", "linear", 2)
    assert body["horizons_weeks"] == [1, 4]
    assert body["candidate_error"] is None


def test_metrics_count_predictions(serving_client: TestClient, row: dict[str, Any]) -> None:
    serving_client.post("/predictions", json={"rows": [row, row]})

    text = serving_client.get("/metrics").text

    assert 'denguard_requests_total{route="/predictions",status="200"} 1.0' in text
    assert sum(
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith("denguard_predictions_total{")
    ) == pytest.approx(2)
    assert "denguard_ready 1.0" in text


def test_the_examples_of_openapi_work(serving_client: TestClient) -> None:
    schema = serving_client.get("/openapi.json").json()
    content = schema["paths"]["/predictions"]["post"]["requestBody"]["content"]
    examples = content["application/json"]["examples"]

    for name, example in examples.items():
        response = serving_client.post("/predictions", json=example["value"])
        assert response.status_code == 200, (name, response.json())
    assert "PredictionRow" in schema["components"]["schemas"]


def test_every_reference_in_openapi_resolves(serving_client: TestClient) -> None:
    schema = serving_client.get("/openapi.json").json()

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [ref for value in node.values() for ref in references(value)]
        return (
            [ref for value in node for ref in references(value)] if isinstance(node, list) else []
        )

    known = schema["components"]["schemas"]
    assert {ref.rsplit("/", 1)[1] for ref in references(schema)} <= set(known)
