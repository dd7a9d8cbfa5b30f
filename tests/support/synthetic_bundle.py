"""A small bundle with a fused head at one horizon and none at another; weights follow from
a seed."""

from __future__ import annotations

from pathlib import Path

import torch

from pipelines.config import load_profile
from pipelines.contracts import COVARIATE_NAMES
from pipelines.fusion.bundle import Bundle, bundle_id, write_bundle
from pipelines.fusion.bundle_meta import BundleMeta
from pipelines.fusion.calibration import Platt
from pipelines.fusion.examples import Examples
from pipelines.fusion.fused import FusedForecaster
from pipelines.fusion.heads import build_head
from pipelines.fusion.horizon import Calibration, HorizonModel
from pipelines.fusion.linear import fit_linear
from pipelines.fusion.model import FusedModel
from pipelines.fusion.tensors import reproducible
from pipelines.testing.rows import make_examples
from pipelines.training.recipe import train_recipe
from pipelines.weeks import CDC


def make_fused(kind: str = "early", seed: int = 1, lambda_shift: float = 0.5) -> FusedModel:
    """A head with random weights, as if trained: running statistics set by one batch."""
    with reproducible(threads=1, seed=seed):
        head = build_head(kind, 12, 12, zero_output=False)
        present = torch.ones(32, dtype=torch.bool)
        head.train()(torch.randn(32, 12), torch.randn(32, 12), present, present)
        gap = 0.1 * torch.randn(12)
    state = {name: value.detach().numpy().copy() for name, value in head.state_dict().items()}
    return FusedModel(kind, 12, 8, 12, lambda_shift, gap.numpy(), state)


def make_models(examples: Examples, kind: str = "early") -> dict[int, HorizonModel]:
    linear = fit_linear(examples, 0.05)
    return {
        1: HorizonModel(1, FusedForecaster(kind, linear), Calibration(Platt(1.1, -0.2)), 0.4),
        4: HorizonModel(
            4,
            FusedForecaster(kind, linear, make_fused(kind)),
            Calibration(Platt(1.1, -0.2), Platt(0.9, 0.1)),
            0.3,
        ),
    }


def make_bundle(examples: Examples, kind: str = "early", **meta: object) -> Bundle:
    encoder = {"encoder": "none", "width": 12}
    described = {
        "head": kind,
        "recipe": {"data": {"reporting_delay_weeks": 0}},
        "recipe_id": "r",
        "lambda_shift": 0.5,
        "lambda_reason": "set by hand",
        "epochs": 1,
        "horizons_weeks": (1, 4),
        "decision_thresholds": {1: 0.4, 4: 0.3},
        "threshold_cases": {
            str(u): float(t)
            for u, t in zip(examples.unit_id, examples.threshold_cases, strict=True)
        },
        "image_encoder": encoder,
        "text_encoder": encoder,
        "prompt_template_id": "t",
        "language": "es",
        "label_rule_id": "median_2016_2017",
        "dataset_version": "d",
        "embedding_version": "e",
        "feature_version": "f",
        "as_of_week": "2018-w48",
        "synthetic_scenes": True,
        "covariate_names": COVARIATE_NAMES,
        "metrics": {"brier": {"4": 0.1}},
    }
    return Bundle(BundleMeta.model_validate({**described, **meta}), make_models(examples, kind))


def train_and_write(folder: Path) -> str:
    """Train a late-joint recipe on synthetic rows, write its bundle and return the bundle's id."""
    rows = {4: make_examples(4, units=6, planted=3.0)}
    changes = {"train.lambda_grid": (0.0, 0.5), "train.max_epochs": 2, "train.tuned": {}}
    fitted = train_recipe(
        rows, "late_joint", load_profile("sample", **changes), {4: CDC.week_no("2018-w01")}
    )
    assert fitted.epochs, "the planted signal must make it train"
    thresholds = {h: m.decision_threshold for h, m in fitted.models.items()}
    meta = make_bundle(
        rows[4], "late_joint", horizons_weeks=(4,), decision_thresholds=thresholds
    ).meta
    return bundle_id(write_bundle(Bundle(meta, fitted.models), folder))
