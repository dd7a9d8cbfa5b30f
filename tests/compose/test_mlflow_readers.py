"""deploy/mlflow/readers.py: what a user of MLflow who only reads may ask for."""

from __future__ import annotations

import pytest

from deploy.mlflow.readers import only_reads

MODELS, USERS = "/api/2.0/mlflow/registered-models", "/api/2.0/mlflow/users"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{MODELS}/alias"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/1/model.npz"),
        ("POST", "/api/2.0/mlflow/runs/search"),
        ("POST", "/ajax-api/2.0/mlflow/experiments/search"),
        ("POST", f"{MODELS}/get-latest-versions"),
        ("POST", "/graphql"),
        ("PATCH", f"{USERS}/update-password"),
    ],
)
def test_a_reader_asks_and_changes_the_own_password(method: str, path: str) -> None:
    assert only_reads(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{MODELS}/create"),
        ("POST", f"{MODELS}/alias"),
        ("DELETE", f"{MODELS}/alias"),
        ("POST", "/api/2.0/mlflow/experiments/create"),
        ("POST", "/api/2.0/mlflow/runs/create"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/model.npz"),
        ("POST", "/api/3.0/mlflow/review-queues/get-or-create-user"),
        ("POST", "/v1/traces"),
        ("POST", f"{USERS}/update-password"),
    ],
)
def test_a_reader_makes_and_changes_nothing(method: str, path: str) -> None:
    assert not only_reads(method, path)
