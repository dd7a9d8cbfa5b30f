"""Two made worlds: predictions with a planted Brier difference, and examples with a known
process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.towns import towns

from pipelines.config import Profile, load_profile
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.fusion.examples import Examples
from pipelines.weeks import CDC

Predictions = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def profile() -> Profile:
    return load_profile("sample")


@pytest.fixture(scope="session")
def planted() -> Predictions:
    """planted(excess={head: extra Brier}, ...): every head's expected Brier beyond the truth's.

    The truth is a probability within 0.15..0.85, shared in part by all towns of a week; a head
    says truth +- sqrt(excess) with a random sign, which adds exactly `excess` in expectation.
    """

    @lru_cache(maxsize=16)  # tests of one file ask for the same few tables
    def made(
        excess: tuple[tuple[str, float], ...],
        seed: int = 1,
        years: tuple[int, ...] = (2015, 2016, 2017, 2018),
        horizons: tuple[int, ...] = (1, 4, 8, 12),
        units: tuple[str, ...] = TEN_MUNICIPALITIES,
        weeks: int = 52,
    ) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        frames = []
        for year in years:
            target = np.arange(CDC.week_no(f"{year}-w01"), CDC.week_no(f"{year}-w01") + weeks)
            unit, week = (g.ravel() for g in np.meshgrid(units, target, indexing="ij"))
            wave = 0.25 * np.sin(week / 9.0) + 0.1 * rng.normal(size=weeks)[week - target[0]]
            truth = np.clip(0.5 + wave, 0.3, 0.7)
            for horizon in horizons:
                label = (rng.random(len(truth)) < truth).astype(float)
                rows = {
                    "test_year": year,
                    "horizon_weeks": horizon,
                    "sample_id": [
                        f"{u}-{CDC.week_label(int(w))}-h{horizon:02d}"
                        for u, w in zip(unit, week, strict=True)
                    ],
                    "unit_id": unit,
                    "origin_week_no": week - horizon,
                    "target_week_no": week,
                    "label": label,
                    "decision_threshold": 0.5,
                    "lambda_shift": np.nan,
                    "base": "",
                    "has_modality": True,
                    "origin_outbreak": (rng.random(len(truth)) < 0.5).astype(float),
                    "in_benchmark": np.isin(unit, TEN_MUNICIPALITIES),
                }
                for head, more in excess:
                    sign = rng.choice([-1.0, 1.0], size=len(truth))
                    own = pd.DataFrame(
                        {"head": head, **rows, "probability": truth + sign * np.sqrt(more)}
                    )
                    own["is_onset"] = (own["label"] == 1) & (own["origin_outbreak"] == 0)
                    frames.append(own)
        return pd.concat(frames, ignore_index=True)

    def make(excess: Mapping[str, float], **how: Any) -> pd.DataFrame:
        return made(tuple(excess.items()), **how).copy()

    return make


@pytest.fixture(scope="session")
def examples() -> dict[int, Examples]:
    """Twelve towns (the ten and two others), origins 2010-w01..2016-w40, horizons 1 and 4."""
    return {1: towns(1, 3), 4: towns(4, 3)}


@pytest.fixture(scope="session")
def short_profile() -> Profile:
    """The sample profile cut down to what the made examples have."""
    return load_profile(
        "sample",
        **{
            "evaluate.horizons_weeks": (1, 4),
            "evaluate.test_years": (2014, 2015),
            "evaluate.municipalities": TEN_MUNICIPALITIES,
            "train.lambda_grid": (0.0,),
            "train.max_epochs": 1,
        },
    )
