"""Backtest tables of a made epidemic, quickly: recipes with a planted difference in expected Brier.

Rows are what the gate meets: ten municipalities, every week of some years, one horizon. Outbreaks
come in waves: the true probability of a week swings with a shock that a whole block of 13 weeks and
all towns share, and so do the recipes' errors, so neighbouring rows are far from independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.weeks import CDC

Array = npt.NDArray[np.float64]
YEARS = (2014, 2015, 2016, 2017, 2018)
_BLOCK = 13
_TOWNS = len(TEN_MUNICIPALITIES)


def keys(years: Sequence[int] = YEARS, horizon: int = 4) -> pd.DataFrame:
    """Everything of the rows that no seed decides: (years x 52 weeks x 10 towns), weeks in
    order."""
    week = np.concatenate([np.arange(52) + CDC.week_no(f"{year}-w01") for year in years])
    at, unit = (g.ravel() for g in np.meshgrid(week, TEN_MUNICIPALITIES, indexing="ij"))
    return pd.DataFrame(
        {
            "test_year": np.repeat(np.array(years, dtype=np.int32), 52 * _TOWNS),
            "horizon_weeks": horizon,
            "sample_id": np.arange(len(at)),  # numbers join ten times faster than names
            "unit_id": unit,
            "target_week_no": at,
            "in_benchmark": True,
        }
    )


def predictions(
    rows: pd.DataFrame, excess: Mapping[str, float], rng: np.random.Generator
) -> pd.DataFrame:
    """Rows of every recipe: it says the true probability plus an error of mean square `excess`.

    The label is drawn from the true probability, which no recipe's error knows, so a recipe's
    expected Brier score is the truth's plus its `excess`, whatever its errors share.
    """
    truth = np.clip(0.5 + 0.3 * _waves(rng, len(rows), shared=0.5), 0.2, 0.8)
    label = (rng.random(len(rows)) < truth).astype(np.float64)
    frames = []
    for head, more in excess.items():
        error = _waves(rng, len(rows), shared=0.3)
        frames.append(
            rows.assign(head=head, label=label, probability=truth + np.sqrt(more) * error)
        )
    return pd.concat(frames, ignore_index=True)


def _waves(rng: np.random.Generator, count: int, shared: float) -> Array:
    """(N,) signs of mean square exactly 1: a share of the rows has its block's sign, some its
    week's.

    Signs, and not normal draws, keep the mean square of every table at its expectation.
    """
    weeks = count // _TOWNS
    block = rng.choice([-1.0, 1.0], size=-(-weeks // _BLOCK)).repeat(_BLOCK)[:weeks]
    week = rng.choice([-1.0, 1.0], size=weeks)
    own = rng.choice([-1.0, 1.0], size=(weeks, _TOWNS))
    draw = rng.random((weeks, _TOWNS))
    mixed = np.where(
        draw < shared, block[:, None], np.where(draw < shared + 0.2, week[:, None], own)
    )
    return np.asarray(mixed.ravel(), dtype=np.float64)
