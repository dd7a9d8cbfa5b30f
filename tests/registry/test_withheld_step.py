"""A run whose recipe is not sane at one horizon: what serves is the bundle without it."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from support.epidemics import keys, predictions
from support.outputs import candidate, leave
from support.registries import RECIPE, write_linear
from support.towns import towns, write_features

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.evaluate.backtest import PREDICTION_COLUMNS, write_predictions
from pipelines.fusion.bundle import bundle_id, load_verified_bundle
from pipelines.recipes import recipe_id
from pipelines.registry.aliases import set_champion
from pipelines.registry.champion import describe_champion
from pipelines.registry.lookup import MODEL_NAME
from pipelines.registry.register import register_bundle
from pipelines.run import Run, open_run
from pipelines.run.outputs import (
    ChampionOutput,
    EvaluateOutput,
    FeaturesOutput,
    GateOutput,
    RegisterOutput,
    SnapshotOutput,
    TrainOutput,
)
from pipelines.steps.judged import folder_of_decision
from pipelines.steps.last_accepted import _kept_bundle
from pipelines.storage import write_json

RUN = "weekly-1"


def _rows(horizon: int, beyond: float) -> pd.DataFrame:
    """The linear head beats both baselines, with a mean probability so far beyond the rate."""
    excess = {"linear": 0.0, "prevalence": 0.09, "persistence_calibrated": 0.06}
    frame = predictions(keys(horizon=horizon), excess, np.random.default_rng(1))
    frame["sample_id"] = frame["sample_id"].astype(str) + f"-h{horizon:02d}"
    linear = frame["head"] == "linear"
    frame["probability"] = frame["probability"].clip(0.2, 0.8) + np.where(linear, beyond, 0.0)
    return frame.reindex(columns=list(PREDICTION_COLUMNS)).fillna({"unit_id": "05001"})


@pytest.fixture
def run(three: DeploymentPaths, refits_trained_once: None) -> Run:
    """A run that is evaluated and not judged; one week ahead its linear head says 0.2 too much."""
    set_champion("1")
    steps.start(RUN, {"profile": "sample", "horizons": [1, 4]})
    run = open_run(RUN)
    rows = write_predictions(pd.concat([_rows(1, 0.2), _rows(4, 0.0)]), run.folder / "p.parquet")
    made = write_linear(run.folder / "made", -1.06).parent
    for name in ("receipt.json", "tuning.json"):
        write_json(made / name, {})
    features = write_features(
        run.folder / "features", {h: towns(h, 3, until="2018-w50") for h in (1, 4)}
    )
    trained = candidate(
        bundle_id=bundle_id(made / "bundle"),
        recipe_id=recipe_id(RECIPE),
        as_of_week="2018-w50",
        dataset_version="d2",
        folder=run.name(made),
    )
    metrics = {str(h): {"heads": {"linear": {"brier": 0.2}}} for h in (1, 4)}
    leave(run, FeaturesOutput, features=run.name(features))
    leave(run, SnapshotOutput, as_of_week="2018-w50")
    leave(run, TrainOutput, candidates={"linear": trained})
    run.finish(describe_champion(three, MODEL_NAME))
    scores = run.name(write_json(run.folder / "metrics.json", {"horizons": metrics}))
    leave(run, EvaluateOutput, predictions=[run.name(rows)], metrics=scores)
    return run


def test_the_judged_bundle_lacks_the_horizon_and_the_record_names_it(run: Run) -> None:
    made = steps.gate(RUN)
    assert (made.decision, list(made.withheld)) == ("promote", ["1"])
    bundle = folder_of_decision(run, made) / "bundle"
    assert bundle_id(bundle) == made.bundle_id
    assert load_verified_bundle(bundle).meta.horizons_weeks == (4,)
    assert list(made.new_weeks["refit"]["horizons"]) == ["4"]


def _serve(run: Run) -> GateOutput:
    """Register what the gate judged, let it serve, and note who serves now."""
    made = steps.gate(RUN)
    version = register_bundle(folder_of_decision(run, made) / "bundle", RUN)
    leave(run, RegisterOutput, version=version)
    assert steps.deploy(RUN).deployed
    run.finish(describe_champion(run.paths, MODEL_NAME))
    return made


def test_a_run_made_again_keeps_the_decision_that_promoted_it(run: Run) -> None:
    made = _serve(run)
    serves = run.output(ChampionOutput).champion
    assert serves is not None and serves.horizons_weeks == (4,)
    assert steps.gate(RUN) == made


def test_it_is_found_where_the_registry_is_away(run: Run) -> None:
    made = _serve(run)
    shutil.rmtree(run.paths.artifacts / "bundles")
    found = _kept_bundle(run.paths, str(made.bundle_id), RUN)
    assert bundle_id(found) == made.bundle_id
