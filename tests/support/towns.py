"""Twelve made towns with a known process: the ten of the benchmark and two others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.storage import write_json
from pipelines.weeks import CDC


def towns(horizon: int, seed: int, until: str = "2016-w40") -> Examples:
    """Rows of one horizon, origins 2010-w01 to `until`; targets after it have no label."""
    rng = np.random.default_rng(seed)
    units = [*TEN_MUNICIPALITIES, "52001", "70001"]
    first, last = CDC.week_no("2010-w01"), CDC.week_no(until)
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
        sample_id=np.array(
            [
                f"{c}-{CDC.week_label(int(o))}-h{horizon:02d}"
                for c, o in zip(codes, origin, strict=True)
            ],
            dtype=object,
        ),
        unit_id=codes,
        origin_week_no=origin.astype(np.int32),
        target_week_no=(origin + horizon).astype(np.int32),
        covariates=covariates.astype(np.float32),
        threshold_cases=threshold[unit],
        label=label,
        image=ModalityVectors(rng.normal(size=(int(has.sum()), 8)).astype(np.float32), row),
        text=ModalityVectors(rng.normal(size=(int(has.sum()), 6)).astype(np.float32), row),
    )


def _cases(rng: np.random.Generator, weeks: np.ndarray) -> np.ndarray:
    level = np.cumsum(rng.normal(scale=0.25, size=len(weeks)))
    level -= np.linspace(0, level[-1], len(weeks))
    return rng.poisson(np.exp(2.5 + 0.8 * np.sin(2 * np.pi * weeks / 52) + 0.5 * level)).astype(
        float
    )


def write_features(folder: Path, rows: dict[int, Examples]) -> Path:
    """A features folder without vectors that load_examples reads back."""
    frames = []
    for horizon, own in rows.items():
        frame = pd.DataFrame(own.covariates, columns=list(own.covariate_names))
        keys = {
            n: getattr(own, n)
            for n in (
                "sample_id",
                "unit_id",
                "origin_week_no",
                "target_week_no",
                "threshold_cases",
                "label",
            )
        }
        frames.append(
            frame.assign(**keys, horizon_weeks=np.int32(horizon), image_key=None, text_key=None)
        )
    folder.mkdir(parents=True)
    pd.concat(frames, ignore_index=True).to_parquet(folder / "rows.parquet", index=False)
    write_json(folder / "features.json", {"image": None, "text": None})
    return folder
