"""The endpoint refuses what a drop refuses, and says how old its model is."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from pipelines.cell_limits import MOST_WEEKLY_CASES
from pipelines.config import DataConfig
from serving.plausible import AGE_HEADER
from serving.settings import Settings


def ask(client: TestClient, **body: Any) -> Any:
    return client.post("/predictions", json=body)


def rain(*months: float | None) -> list[dict[str, float | None]]:
    return [{"temp_mean_c": 21.0, "rainfall_mm": mm} for mm in months]


@pytest.mark.parametrize(
    ("field", "value", "where", "words"),
    [
        ("recent_cases", [1, 2, 3, 20_001], "rows.1.recent_cases.3", "send the count of one week"),
        ("climate", rain(0.19, 0.23, 0.18), "rows.1.climate", "millimetres"),
        ("climate", rain(0.0, None, 0.4), "rows.1.climate", "millimetres"),
    ],
)
def test_what_a_drop_refuses_is_refused_by_field_with_what_to_send(
    serving_client: TestClient, row: dict[str, Any], field: str, value: Any, where: str, words: str
) -> None:
    answer = ask(serving_client, rows=[row, {**row, field: value}])

    body = answer.json()
    assert (answer.status_code, body["type"]) == (422, "urn:denguard:problem:implausible-values")
    (error,) = body["errors"]
    assert error["where"] == where and words in error["what"] and words in body["fix"]


@pytest.mark.parametrize("months", [rain(0.0, 0.0, 0.0), rain(0.4), rain(0.4, 12.0), rain(None)])
def test_dry_months_are_no_unit_error(
    serving_client: TestClient, row: dict[str, Any], months: Any
) -> None:
    assert ask(serving_client, rows=[{**row, "climate": months}]).status_code == 200


@pytest.mark.parametrize("count", [0, 20_000, 3.0, None])
def test_honest_counts_are_answered(
    serving_client: TestClient, row: dict[str, Any], count: float | None
) -> None:
    rows = [{**row, "recent_cases": [1, 2, 3, count]}]
    assert ask(serving_client, rows=rows).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"), [("log1p_cases_lag00", 9.95), ("log1p_rainfall_mm_lag1", 8.6)]
)
def test_logarithms_of_absurd_values_are_refused(
    serving_client: TestClient, name: str, value: float
) -> None:
    sent = {"municipality_code": "05001", "horizon_weeks": 4, "covariates": {name: value}}
    body = ask(serving_client, vectors=[sent]).json()
    assert body["errors"][0]["where"] == f"vectors.0.covariates.{name}"


def test_drops_and_endpoint_start_from_one_limit(settings: Settings) -> None:
    assert DataConfig().max_weekly_cases == settings.max_weekly_cases == MOST_WEEKLY_CASES


def test_a_week_far_beyond_the_models_data_is_answered_with_its_age(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    """The bundle's data end with 2018-w48; thirteen weeks later is the last that passes in
    silence."""
    near = ask(serving_client, rows=[{**row, "origin_week": "2019-w09"}])
    far = ask(serving_client, rows=[row, {**row, "origin_week": "2019-w10"}])

    assert near.json()["predictions"][0]["weeks_beyond_data"] == 13
    assert AGE_HEADER not in near.headers and "notes" not in near.json()
    assert [p["weeks_beyond_data"] for p in far.json()["predictions"]] == [0, 14]
    assert far.headers[AGE_HEADER] == "14"
    assert "2018-w48, 14 weeks before" in far.json()["notes"][0]
