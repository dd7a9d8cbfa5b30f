"""Made rows whose truth is known: a linear signal, and optionally one that only vectors hold.

Shape letters: N rows.
"""

from __future__ import annotations

import numpy as np

from pipelines.arrays import Bools, Float32s
from pipelines.contracts import COVARIATE_NAMES
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.weeks import CDC

FIRST, WEEKS = 627, 330  # ordinal of the first origin, and how many follow
IMAGE_WIDTH, TEXT_WIDTH = 12, 8


def make_examples(
    horizon: int = 4,
    units: int = 8,
    planted: float = 0.0,
    modalities: bool = True,
    seed: int = 3,
    text_only_outside: bool = True,
) -> Examples:
    """Rows of one horizon, 330 weeks a unit, all labels known; half of the units have vectors.

    Args:
        planted: log-odds weight of a signal that is in the image and text vectors alone.
    """
    rng = np.random.default_rng(seed + horizon)
    codes = np.array([f"{90000 + i}" for i in range(units)], dtype=object)
    unit = np.repeat(np.arange(units), WEEKS)
    origin = np.tile(FIRST + np.arange(WEEKS), units).astype(np.int32)
    count = len(unit)
    threshold = (5.0 + 3.0 * unit).astype(np.float32)
    covariates = rng.normal(size=(count, len(COVARIATE_NAMES))).astype(np.float32)
    covariates[:, :8] = np.maximum(np.log1p(threshold)[:, None] + 0.7 * covariates[:, :8], 0.0)
    hidden = rng.normal(size=count).astype(np.float32)
    score = 1.5 * (covariates[:, 0] - np.log1p(threshold)) + planted * hidden
    label = (rng.uniform(size=count) < 1 / (1 + np.exp(-score))).astype(np.float32)
    covariates[rng.uniform(size=covariates.shape) < 0.02] = np.nan
    has = modalities & (unit < (units + 1) // 2)
    has_image = has & (rng.uniform(size=count) < 0.8) if text_only_outside else has
    return Examples(
        horizon_weeks=horizon,
        sample_id=np.array(
            [
                f"{codes[u]}-{CDC.week_label(int(o))}-h{horizon:02d}"
                for u, o in zip(unit, origin, strict=True)
            ],
            dtype=object,
        ),
        unit_id=codes[unit],
        origin_week_no=origin,
        target_week_no=origin + np.int32(horizon),
        covariates=covariates,
        threshold_cases=threshold,
        label=label,
        image=_vectors(has_image, hidden, IMAGE_WIDTH, 5.0, rng),
        text=_vectors(has, hidden, TEXT_WIDTH, -2.0, rng),
    )


def _vectors(
    has: Bools, hidden: Float32s, width: int, offset: float, rng: np.random.Generator
) -> ModalityVectors:
    table = 0.5 * rng.normal(size=(int(has.sum()), width)).astype(np.float32)
    table[:, 0] += 2 * hidden[has]
    table[:, 1] += offset
    row = np.where(has, np.cumsum(has) - 1, -1).astype(np.int32)
    return ModalityVectors(table, row)
