"""The forecaster `linear`: the logistic regression that every training period starts with.

The model itself is in fusion/linear.py, because fused heads start from it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipelines.arrays import Float64s
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds
from pipelines.fusion.linear import LinearModel
from pipelines.train_config import TrainConfig


class Linear:
    """Fits and loads LinearModel."""

    @staticmethod
    def fit(train: Examples, folds: Folds, config: TrainConfig) -> LinearModel:
        """The linear model of the training rows, which the folds hold already."""
        del train, config
        return folds.linear

    @staticmethod
    def out_of_fold(train: Examples, folds: Folds, config: TrainConfig) -> Float64s:
        """(N,) log odds of each inner season by the model before it, NaN elsewhere."""
        del config
        out = np.full(len(train), np.nan)
        for season in folds.seasons:
            out[season.validation] = season.linear_logit[season.validation]
        return out

    @staticmethod
    def load(folder: Path) -> LinearModel:
        """The inverse of LinearModel.save."""
        return LinearModel.load(folder)
