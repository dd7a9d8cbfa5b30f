"""A linear bundle of two municipalities, for whom only its numbers or one of its facts matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.prompts import load_template
from pipelines.data.threshold_lookup import Thresholds
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.bundle_meta import BundleMeta
from pipelines.fusion.design import DESIGN_NAMES
from pipelines.fusion.horizon import HorizonModel
from pipelines.fusion.linear import LinearModel


def linear_bundle(
    bias: float = -1.0,
    weight: float = 0.05,
    horizons: Sequence[int] = (1, 4),
    varying: Callable[[], Thresholds] | None = None,
    **changes: Any,
) -> Bundle:
    """Every input weighs the same; `changes` are facts of the bundle's description."""
    width = len(DESIGN_NAMES)
    linear = LinearModel(np.zeros(width), np.ones(width), np.full(width, weight), bias)
    described = {
        "head": "linear",
        "recipe": {},
        "recipe_id": "r1",
        "lambda_shift": 0.0,
        "lambda_reason": "the linear head reads no vectors",
        "horizons_weeks": tuple(horizons),
        "decision_thresholds": dict.fromkeys(horizons, 0.5),
        "threshold_cases": {"05001": 40.0, "05360": 8.0},
        "image_encoder": {},
        "text_encoder": {},
        "prompt_template_id": load_template("es").template_id,
        "language": "es",
        "label_rule_id": "median_2016_2017",
        "dataset_version": "d1",
        "embedding_version": "e1",
        "feature_version": "f1",
        "as_of_week": "2018-w48",
        "synthetic_scenes": True,
        "covariate_names": COVARIATE_NAMES,
    }
    models = {h: HorizonModel(h, linear) for h in horizons}
    return Bundle(BundleMeta(**{**described, **changes}), models, varying=varying)
