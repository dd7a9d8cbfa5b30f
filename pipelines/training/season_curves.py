"""Validation curves of a fused head over inner seasons, each training made once.

Seeds differ in the first weights and in the order of rows; a curve is the mean over them, so that a
setting is not chosen for a lucky start. Lambdas that are asked for together are trained together,
and seasons and seeds on all cores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipelines.arrays import Float64s
from pipelines.fusion.alignment import Shift
from pipelines.fusion.heads import FusedKind
from pipelines.run.cores import each_on_a_core
from pipelines.run.progress import Progress
from pipelines.train_config import TrainConfig
from pipelines.training.head_folds import HeadFold, fold_rows
from pipelines.training.rows import FusedRows, train_gap
from pipelines.training.train import train_shifts

_MOST_FLOATS = 24_576  # of vectors that are read together: more models outgrow a processor's cache
_MANY = 8  # lambdas; fewer would take longer apart than together


@dataclass(frozen=True)
class _Together:
    """Trainings before one season that differ in lambda alone, so that one computation serves."""

    config: TrainConfig
    lambdas: tuple[float, ...]
    before: FusedRows
    season: FusedRows

    def curves(self, kind: FusedKind) -> Float64s:
        """(lambdas, 1 + epochs)"""
        gap = train_gap(self.before)
        shifts = [Shift(value, gap) for value in self.lambdas]
        made = train_shifts(
            kind, self.before, shifts, self.config, self.config.max_epochs, self.season
        )
        return np.array([one.curve for one in made])


class SeasonCurves:
    """Brier on each inner season after 0, 1, 2, ... epochs, by settings and lambda."""

    def __init__(self, kind: FusedKind, rows: FusedRows, folds: Sequence[HeadFold]) -> None:
        self.kind = kind
        self._folds = [fold_rows(rows, fold) for fold in folds]
        self._most = max(1, _MOST_FLOATS // rows.image.shape[1])
        self._made: dict[tuple[float, ...], Float64s] = {}

    def make(self, asked: Sequence[tuple[TrainConfig, float]], what: str) -> list[Float64s]:
        """(seasons, 1 + epochs) for each configuration and lambda, the mean over seeds; epoch 0 is
        the base. `what` names them where progress is told."""
        new = {_key(*one): one for one in asked if _key(*one) not in self._made}
        jobs = list(self._jobs(new.values()))
        progress = Progress(f"{self.kind} {what}, trainings", sum(len(j.lambdas) for j in jobs))
        made: dict[tuple[float, ...], list[Float64s]] = {}
        trained = each_on_a_core([partial(self._train, job, progress) for job in jobs])
        for job, curves in zip(jobs, trained, strict=True):
            for value, curve in zip(job.lambdas, curves, strict=True):
                made.setdefault(_key(job.config, value), []).append(curve)
        for key, own in made.items():  # seed after seed, the seasons of each in their order
            by_seed = np.array(own).reshape(-1, len(self._folds), len(own[0]))
            self._made[key] = by_seed.mean(axis=0)
        return [self._made[_key(*one)] for one in asked]

    def _jobs(self, asked: Iterable[tuple[TrainConfig, float]]) -> Iterator[_Together]:
        lambdas_of: dict[tuple[float, ...], list[float]] = {}
        config_of = {}
        for config, value in asked:
            settings = _key(config, 0.0)
            config_of[settings] = config
            lambdas_of.setdefault(settings, []).append(value)
        for settings, config in config_of.items():
            for seed in range(config.tuned.seeds):
                own = config.model_copy(update={"seed": config.seed + seed})
                for before, season in self._folds:
                    for lambdas in _parts(lambdas_of[settings], self._most):
                        yield _Together(own, lambdas, before, season)

    def _train(self, job: _Together, progress: Progress) -> Float64s:
        curves = job.curves(self.kind)
        progress.advance(len(curves))
        return curves


def _parts(lambdas: Sequence[float], most: int) -> list[tuple[float, ...]]:
    """Runs of about equal length, none longer than `most`; many are two at least, for two cores.

    They do not follow from the number of cores, so that no result does.
    """
    count = max(math.ceil(len(lambdas) / most), 2 if len(lambdas) >= _MANY else 1)
    return [tuple(part.tolist()) for part in np.array_split(np.array(lambdas), count)]


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
