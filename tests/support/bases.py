"""Rows on which trees see what a line cannot, and vectors hold more than either."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pipelines.config import Profile, load_profile
from pipelines.fusion.examples import Examples
from pipelines.testing.rows import make_examples
from pipelines.weeks import CDC

CUTS = dict.fromkeys((1, 4), CDC.week_no("2017-w01"))
TREES: dict[str, object] = {"kind": "boosting", "rounds": 80}
BASED: tuple[Any, ...] = ("linear", TREES, "early", "late_joint")


def crooked(horizon: int = 4, planted: float = 3.0) -> Examples:
    """Labels follow from how far a covariate is from zero, either way, and from the vectors."""
    rows = make_examples(horizon)
    rng = np.random.default_rng(horizon)
    far = np.abs(np.nan_to_num(rows.covariates[:, 10])) > 0.67  # half of the rows
    hidden = rows.text.dense()[:, 0] / 2  # zero where there is no text
    score = np.where(far, 2.5, -2.5) + planted * hidden
    label = (rng.uniform(size=len(rows)) < 1 / (1 + np.exp(-score))).astype(np.float32)
    return replace(rows, label=label)


def with_trees(
    candidates: tuple[Any, ...] = BASED,
    horizons: tuple[int, ...] = (1, 4),
    base: str = "best",
) -> Profile:
    """The sample profile with boosting among its candidates and a sweep that takes a second."""
    changes: dict[str, Any] = {
        "evaluate.horizons_weeks": horizons,
        "train.candidates": candidates,
        "train.base": base,
        "train.max_epochs": 4,
        "train.lambda_grid": (0.0,),
        "train.tuned": {},
    }
    return load_profile("sample", **changes)
