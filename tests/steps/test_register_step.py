"""What the register step writes into MLflow: settings as params, identities as tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from e2e.roads import Home
from mlflow.entities import Run as MlflowRun

from pipelines.config import Places
from pipelines.registry.alias import connect, get_version
from pipelines.run import Run, start_run
from pipelines.steps import run_facts

PROMOTED: dict[str, dict[str, Any]] = {
    "train": {"candidates": {"early": {"lambda_shift": 0.5, "epochs": 2}}},
    "gate": {"head": "early", "decision": "promote"},
    "snapshot": {"as_of_week": "2018-w48", "dataset_version": "d1", "dvc": "m1"},
    "features": {"embedding_version": "e1", "feature_version": "f1", "dvc": "m2"},
    "ingest": {"drops": [{"received_date": "2018-12-04", "sha256": "0" * 64}]},
}


@pytest.fixture(scope="module")
def registered(tabular: Home) -> MlflowRun:
    where = Places(home=tabular.path)
    return connect(where).get_run(get_version("1", where).run_id)


@pytest.fixture
def fused(home: Path) -> Run:
    """A run of the `ci` profile whose steps wrote that a fused head is promoted."""
    run = start_run("weekly", {"profile": "ci"})
    for step, output in PROMOTED.items():
        run.finish(step, output)
    return run


def test_settings_of_the_judged_head_are_params(registered: MlflowRun) -> None:
    params = registered.data.params
    assert (params["head"], params["train.linear_c"], params["lambda_shift"]) == ("linear", "0.05", "0.0")  # fmt: skip
    assert (params["epochs"], params["label_rule"]) == ("0", "median_2016_2017")
    assert json.loads(params["horizons_weeks"]) == [4]


def test_ids_and_hashes_are_tags_and_no_params(registered: MlflowRun, tabular: Home) -> None:
    tags, params = registered.data.tags, registered.data.params
    assert tags["dataset_version"] == tabular.output("first", "snapshot")["dataset_version"]
    assert tags["feature_version"] == tabular.output("first", "features")["feature_version"]
    assert {"recipe_id", "drops", "decision"} <= set(tags)
    assert not set(params) & set(tags)


def test_a_fused_heads_params_hold_lambda_epochs_rate_and_seed_and_its_tags_the_weights(
    fused: Run,
) -> None:
    params, tags = run_facts.params(fused), run_facts.tags(fused)
    chosen = {name: params[name] for name in ("head", "lambda_shift", "epochs", "train.learning_rate", "train.seed", "train.linear_c")}  # fmt: skip
    assert chosen == {"head": "early", "lambda_shift": "0.5", "epochs": "2", "train.learning_rate": "0.001", "train.seed": "7", "train.linear_c": "0.05"}  # fmt: skip
    assert tags["embed.image.sha256"] == fused.profile.embed.image.sha256
    assert not [name for name in params if name.endswith("sha256")]
