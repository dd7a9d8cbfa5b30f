"""A linear bundle trained on a made process, and the rows it forecasts."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.config import load_profile
from pipelines.contracts import COVARIATE_NAMES
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.bundle_meta import BundleMeta
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.training.recipe import train_recipe
from pipelines.weeks import CDC

HORIZONS = (1, 4)
AS_OF = "2016-w40"
UNITS = ("05001", "08001", "54001")


def _examples(horizon: int) -> Examples:
    rng = np.random.default_rng(horizon)
    origins = np.arange(CDC.week_no("2011-w01"), CDC.week_no(AS_OF) + 1)
    unit, origin = (g.ravel() for g in np.meshgrid(UNITS, origins, indexing="ij"))
    size = len(unit)
    covariates = rng.normal(size=(size, len(COVARIATE_NAMES))).astype(np.float32)
    label = (covariates[:, 0] + rng.normal(size=size) > 0).astype(np.float32)
    label[origin + horizon > CDC.week_no(AS_OF)] = np.nan
    none = ModalityVectors(np.zeros((0, 4), dtype=np.float32), np.full(size, -1, dtype=np.int32))
    return Examples(
        horizon_weeks=horizon,
        sample_id=np.array(
            [
                f"{u}-{CDC.week_label(int(o))}-h{horizon:02d}"
                for u, o in zip(unit, origin, strict=True)
            ],
            dtype=object,
        ),
        unit_id=unit.astype(object),
        origin_week_no=origin.astype(np.int32),
        target_week_no=(origin + horizon).astype(np.int32),
        covariates=covariates,
        threshold_cases=np.full(size, 12.5, dtype=np.float32),
        label=label,
        image=none,
        text=none,
    )


@pytest.fixture(scope="session")
def rows() -> dict[int, Examples]:
    return {h: _examples(h) for h in HORIZONS}


@pytest.fixture(scope="session")
def bundle(rows: dict[int, Examples]) -> Bundle:
    profile = load_profile("sample", **{"evaluate.horizons_weeks": HORIZONS})
    recipe = train_recipe(rows, "linear", profile, dict.fromkeys(HORIZONS, CDC.week_no(AS_OF)))
    meta = BundleMeta(
        head="linear",
        recipe=profile.recipe("linear"),
        recipe_id=profile.recipe_id("linear"),
        lambda_shift=0.0,
        lambda_reason=recipe.lambda_reason,
        horizons_weeks=HORIZONS,
        decision_thresholds={h: m.decision_threshold for h, m in recipe.models.items()},
        threshold_cases=dict.fromkeys(UNITS, 12.5),
        image_encoder={},
        text_encoder={},
        prompt_template_id="t",
        language="es",
        label_rule_id="median_2016_2017",
        dataset_version="d",
        embedding_version="e",
        feature_version="f",
        as_of_week=AS_OF,
        synthetic_scenes=True,
        covariate_names=COVARIATE_NAMES,
    )
    return Bundle(meta, recipe.models)
