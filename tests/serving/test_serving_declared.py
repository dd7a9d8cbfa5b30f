"""A champion of a place that declares covariates of its own: a row of fields does not hold them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.declared_place import CASES, Place, cases_csv, profile_of
from support.published import forecast_rows

from pipelines.contracts import CHAMPION
from pipelines.data.suite import Suite
from pipelines.features.read import load_examples
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples
from pipelines.fusion.linear import fit_linear
from pipelines.inference.forecast import publish_forecast
from pipelines.registry.lookup import lookup


@pytest.fixture(scope="module")
def humid(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Rows of a place that declares its humidity."""
    place = Place(tmp_path_factory.mktemp("humid"), profile_of(CASES))
    place.drop(cases_csv=cases_csv())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Suite, "write", lambda *_: None)
        return load_examples(place.features(), 4)


def test_rows_are_refused_by_the_covariates_names_and_the_published_forecast_answers(
    client: TestClient,
    deployment: Any,
    eventually: Callable[..., None],
    bundle_of: Callable[..., Bundle],
    humid: Examples,
    row: dict[str, Any],
) -> None:
    plain, linear = bundle_of(covariate_names=humid.covariate_names), fit_linear(humid, 1.0)
    models = {h: replace(model, forecaster=linear) for h, model in plain.models.items()}
    deployment.promote(replace(plain, models=models))
    eventually(lambda: client.get("/model").json()["bundle_id"] is not None)
    named = lookup(CHAMPION, deployment.paths)
    assert named is not None
    table = forecast_rows(named.bundle_id, "2018-w48", 0.3)
    publish_forecast(table, deployment.paths.artifacts / "forecasts")

    refused = client.post("/predictions", json={"rows": [row]})
    published = client.get("/forecast", params={"municipality_code": "05001", "horizon_weeks": 4})

    assert refused.status_code == 422
    assert refused.json()["type"].endswith("row-is-not-enough")
    assert "humidity_pct_lag00, humidity_pct_mean_lag00_03" in refused.json()["detail"]
    assert "sparse_index" not in refused.json()["detail"]  # most units lack it: it is not read
    assert "GET /forecast" in refused.json()["fix"]
    assert [r["probability"] for r in published.json()["rows"]] == [0.3]
