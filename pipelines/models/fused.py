"""The fused heads: how each of them is tuned, fitted and loaded, one class for every head.

Shape letters: N training rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.arrays import Float64s
from pipelines.contracts import FusedKind
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds, Tuning
from pipelines.fusion.fused import FusedForecaster, load_fused
from pipelines.train_config import TrainConfig


@dataclass(frozen=True)
class FusedHeadForecaster:
    """Fits and loads the forecaster of one head."""

    head: FusedKind

    def tune(self, train: Examples, folds: Folds, config: TrainConfig) -> Tuning:
        """Lambda and epochs, chosen on the inner seasons."""
        from pipelines.training.fused import tune_head

        return tune_head(self.head, train, folds, config)

    def fit(self, train: Examples, folds: Folds, config: Any) -> FusedForecaster:
        """Train the head on all rows for the number of epochs that was chosen."""
        from pipelines.training.base import base_of
        from pipelines.training.fused import refit

        base, fused = base_of(folds), refit(self.head, train, folds, config)
        return FusedForecaster(self.head, base.fitted, fused, base.kind)

    def out_of_fold(self, train: Examples, folds: Folds, config: Any) -> Float64s:
        """(N,) log odds of each inner season by a head trained before it, NaN elsewhere."""
        from pipelines.training.fused import out_of_fold

        return out_of_fold(self.head, train, folds, config)

    def load(self, folder: Path) -> FusedForecaster:
        """The inverse of FusedForecaster.save."""
        return load_fused(self.head, folder)
