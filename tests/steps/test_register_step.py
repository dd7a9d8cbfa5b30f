"""What the register step writes into MLflow: settings as params, identities as tags."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.entities import Run as MlflowRun
from support.homes import Home
from support.outputs import candidate, leave

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.fusion.bundle import bundle_id, load_bundle, write_bundle
from pipelines.registry.aliases import AuditReason, read_aliases
from pipelines.registry.audit import newest
from pipelines.registry.lookup import MODEL_NAME, connect, get_version
from pipelines.registry.rollback import promote_by_hand
from pipelines.run import Run, open_run, start_run
from pipelines.run.outputs import (
    FeaturesOutput,
    GateOutput,
    IngestOutput,
    SnapshotOutput,
    TrainOutput,
)
from pipelines.steps import run_facts


@pytest.fixture(scope="module")
def registered(tabular: Home) -> MlflowRun:
    paths = DeploymentPaths(home=tabular.path)
    return connect(paths).get_run(get_version("1", paths).run_id)


@pytest.fixture
def fused(home: Path) -> Run:
    """A run of the `ci` profile whose steps wrote that a fused head is promoted."""
    run = start_run("weekly", {"profile": "ci"})
    early = candidate(head="early", lambda_shift=0.5, epochs=2)
    leave(run, TrainOutput, candidates={"early": early})
    leave(run, GateOutput, head="early", decision="promote")
    for kind in (SnapshotOutput, FeaturesOutput, IngestOutput):
        leave(run, kind)
    return run


def test_settings_of_the_judged_head_are_params(registered: MlflowRun) -> None:
    params = registered.data.params
    assert (params["head"], params["train.linear_c"], params["lambda_shift"]) == (
        "linear",
        "0.05",
        "0.0",
    )
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
    chosen = {
        name: params[name]
        for name in (
            "head",
            "lambda_shift",
            "epochs",
            "train.learning_rate",
            "train.seed",
            "train.linear_c",
        )
    }
    assert chosen == {
        "head": "early",
        "lambda_shift": "0.5",
        "epochs": "2",
        "train.learning_rate": "0.001",
        "train.seed": "7",
        "train.linear_c": "0.05",
    }
    assert tags["embed.image.sha256"] == fused.profile.embed.image.sha256
    assert not [name for name in params if name.endswith("sha256")]


def _another_refit(run: Run) -> tuple[Path, str]:
    """A candidate folder beside the run's own, with a bundle that says something else."""
    own = run.path(run.output(TrainOutput).candidates["linear"].folder)
    folder, bundle = own.with_name("far-away"), load_bundle(own / "bundle")
    model = bundle.models[4]
    calibration = replace(model.calibration, every=replace(model.calibration.every, intercept=-1.0))
    write_bundle(
        replace(bundle, models={4: replace(model, calibration=calibration)}), folder / "bundle"
    )
    shutil.copy(own / "receipt.json", folder)
    return folder, bundle_id(folder / "bundle")


def test_a_refit_that_waits_is_registered_does_not_serve_and_a_person_lets_it_through_by_its_bundle(
    copied_tabular: Callable[[], Home],
) -> None:
    paths = DeploymentPaths(home=copied_tabular().path)
    run = open_run("first")
    folder, identity = _another_refit(run)
    facts = {"folder": run.name(folder), "bundle_id": identity}
    refit = run.output(TrainOutput).candidates["linear"].model_copy(update=facts)
    run.finish(TrainOutput(candidates={"linear": refit}))
    waits = {"decision": "keep", "bundle_id": identity, "waits_for_person": True}
    run.finish(run.output(GateOutput).model_copy(update=waits))

    done = steps.register("first")
    assert (done.version, done.waiting_version) == (None, "2")
    assert not steps.deploy("first").deployed
    assert read_aliases(paths)["champion"] == "1"

    assert (
        promote_by_hand(identity, AuditReason("Ana", "the counts are right"), paths=paths).version
        == "2"
    )
    assert read_aliases(paths)["champion"] == "2"
    last = newest(paths, MODEL_NAME)
    assert last is not None
    assert (last["by"], last["reason"], last["bundle_id"]) == (
        "Ana",
        "the counts are right",
        identity,
    )
