"""Validation curves of a fused head over inner seasons, each training made once.

Seeds differ in the first weights and in the order of rows; a curve is the mean over them, so that a
setting is not chosen for a lucky start.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Float64s
from pipelines.fusion.alignment import Shift
from pipelines.fusion.heads import FusedKind
from pipelines.run.progress import Progress
from pipelines.train_config import TrainConfig
from pipelines.training.head_folds import HeadFold, fold_rows
from pipelines.training.train import FusedRows, train_fixed, train_gap


class SeasonCurves:
    """Brier on each inner season after 0, 1, 2, ... epochs, by settings and lambda."""

    def __init__(self, kind: FusedKind, rows: FusedRows, folds: Sequence[HeadFold]) -> None:
        self.kind = kind
        self._folds = [fold_rows(rows, fold) for fold in folds]
        self._made: dict[tuple[float, ...], Float64s] = {}

    def make(self, asked: Sequence[tuple[TrainConfig, float]], what: str) -> list[Float64s]:
        """(seasons, 1 + epochs) for each configuration and lambda, the mean over seeds; epoch 0 is
        the base. `what` names them where progress is told."""
        new = {_key(*one): one for one in asked if _key(*one) not in self._made}
        progress = Progress(f"{self.kind} {what}, settings trained", len(new))
        for key, (config, lambda_shift) in new.items():
            own = [self._seasons(config, lambda_shift, k) for k in range(config.tuned.seeds)]
            self._made[key] = np.mean(own, axis=0)
            progress.advance()
        return [self._made[_key(*one)] for one in asked]

    def _seasons(self, config: TrainConfig, lambda_shift: float, seed: int) -> Float64s:
        own = config.model_copy(update={"seed": config.seed + seed})
        return np.array([self._curve(own, lambda_shift, *fold) for fold in self._folds])

    def _curve(
        self, config: TrainConfig, lambda_shift: float, before: FusedRows, season: FusedRows
    ) -> tuple[float, ...]:
        shift = Shift(lambda_shift, train_gap(before))
        return train_fixed(self.kind, before, shift, config, config.max_epochs, season).curve


def _key(config: TrainConfig, lambda_shift: float) -> tuple[float, ...]:
    """What differs between trainings of one choice."""
    return (config.learning_rate, config.noise_sigma, config.alignment_weight, lambda_shift)


def best_epochs(curves: Float64s) -> int:
    """Epochs of the lowest mean over seasons of (seasons, 1 + epochs) curves; the fewest
    of equals."""
    return int(np.argmin(curves.mean(axis=0)))


def best_scores(curves: Float64s) -> Float64s:
    """(seasons,) Brier at the best number of epochs."""
    return curves[:, best_epochs(curves)]
