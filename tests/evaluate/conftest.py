"""Two made worlds: predictions with a planted Brier difference, and examples with a known process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Profile, load_profile
from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.fusion.examples import Examples, ModalityVectors
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

    def make(
        excess: Mapping[str, float],
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
                    "sample_id": [f"{u}-{CDC.week_label(int(w))}-h{horizon:02d}" for u, w in zip(unit, week, strict=True)],
                    "unit_id": unit,
                    "origin_week_no": week - horizon,
                    "target_week_no": week,
                    "label": label,
                    "decision_threshold": 0.5,
                    "lambda_shift": np.nan,
                    "has_modality": True,
                    "origin_outbreak": (rng.random(len(truth)) < 0.5).astype(float),
                    "in_benchmark": np.isin(unit, TEN_MUNICIPALITIES),
                }  # fmt: skip
                for head, more in excess.items():
                    sign = rng.choice([-1.0, 1.0], size=len(truth))
                    own = pd.DataFrame(
                        {"head": head, **rows, "probability": truth + sign * np.sqrt(more)}
                    )
                    own["is_onset"] = (own["label"] == 1) & (own["origin_outbreak"] == 0)
                    frames.append(own)
        return pd.concat(frames, ignore_index=True)

    return make


def _examples(horizon: int, seed: int) -> Examples:
    rng = np.random.default_rng(seed)
    units = [*TEN_MUNICIPALITIES, "52001", "70001"]
    first, last = CDC.week_no("2010-w01"), CDC.week_no("2016-w40")
    weeks = np.arange(first - 12, last + horizon + 1)
    cases = np.stack([_cases(rng, weeks) for _ in units])
    threshold = np.maximum(np.median(cases, axis=1), 0.5).astype(np.float32)
    origins = np.arange(first, last + 1)
    unit, origin = (g.ravel() for g in np.meshgrid(np.arange(len(units)), origins, indexing="ij"))
    at = origin - weeks[0]
    lags = np.log1p(np.stack([cases[unit, at - k] for k in range(4)], axis=1))
    covariates = rng.normal(size=(len(unit), len(COVARIATE_NAMES)))
    covariates[:, [COVARIATE_NAMES.index(f"log1p_cases_lag{k:02d}") for k in range(4)]] = lags
    for j, name in enumerate(COVARIATE_NAMES):
        if name.startswith("log1p_cases_") and "lag0" not in name[:17]:
            covariates[:, j] = lags.mean(axis=1)
    target_cases = cases[unit, at + horizon]
    label = (target_cases > threshold[unit]).astype(np.float32)
    label[origin + horizon > last] = np.nan
    codes = np.array(units, dtype=object)[unit]
    has = np.isin(codes, TEN_MUNICIPALITIES[:4]) & (origin >= CDC.week_no("2011-w01"))
    row = np.where(has, np.cumsum(has) - 1, -1).astype(np.int32)
    return Examples(
        horizon_weeks=horizon,
        sample_id=np.array([f"{c}-{CDC.week_label(int(o))}-h{horizon:02d}" for c, o in zip(codes, origin, strict=True)], dtype=object),
        unit_id=codes,
        origin_week_no=origin.astype(np.int32),
        target_week_no=(origin + horizon).astype(np.int32),
        covariates=covariates.astype(np.float32),
        threshold_cases=threshold[unit],
        label=label,
        image=ModalityVectors(rng.normal(size=(int(has.sum()), 8)).astype(np.float32), row),
        text=ModalityVectors(rng.normal(size=(int(has.sum()), 6)).astype(np.float32), row),
    )  # fmt: skip


def _cases(rng: np.random.Generator, weeks: np.ndarray) -> np.ndarray:
    level = np.cumsum(rng.normal(scale=0.25, size=len(weeks)))
    level -= np.linspace(0, level[-1], len(weeks))
    return rng.poisson(np.exp(2.5 + 0.8 * np.sin(2 * np.pi * weeks / 52) + 0.5 * level)).astype(
        float
    )


@pytest.fixture(scope="session")
def examples() -> dict[int, Examples]:
    """Twelve towns (the ten and two others), origins 2010-w01..2016-w40, horizons 1 and 4."""
    return {1: _examples(1, 3), 4: _examples(4, 3)}


@pytest.fixture(scope="session")
def short_profile() -> Profile:
    """The sample profile cut down to what the made examples have."""
    return load_profile(
        "sample",
        **{
            "evaluate.horizons_weeks": (1, 4),
            "evaluate.test_years": (2014, 2015),
            "train.lambda_grid": (0.0,),
            "train.max_epochs": 1,
        },
    )
