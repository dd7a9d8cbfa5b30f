"""What every forecaster of one horizon and one cut starts with, and how it is calibrated.

Shape letters: N training rows, V of them in an inner season.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np

from pipelines.arrays import Bools, Float64s, Int64s
from pipelines.contracts import LINEAR
from pipelines.fusion.calibration import choose_platt, decision_threshold
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Base, Folds, Forecaster, ForecasterClass, OutOfFold
from pipelines.fusion.horizon import Calibration, HorizonModel, has_vectors, log_odds
from pipelines.training.base import LinearBase
from pipelines.training.inner import LinearStage


@dataclass(frozen=True)
class Start:
    """The training rows of a horizon, and the pooled rows of their inner seasons, (V,) each.

    Attributes:
        at: positions in `train`.
        season: index of the inner season.
        base: what a residual starts from; its log odds of the V rows are by models that saw no row
            of the season.
        calibrations: made so far, by the log odds that they are of: forecasters share most.
    """

    horizon_weeks: int
    train: Examples
    folds: Folds
    at: Int64s
    season: Int64s
    label: Float64s
    seen: Bools
    base: Base
    calibrations: dict[bytes, Calibration] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, stage: LinearStage) -> Start:
        """Of the linear model, which every forecaster is scored beside."""
        train, folds = stage.for_fit()
        masks = [fold.validation for fold in folds.seasons]
        at = np.concatenate([np.flatnonzero(m) for m in masks] or [np.zeros(0, dtype=np.int64)])
        season = np.repeat(np.arange(len(masks)), [int(m.sum()) for m in masks])
        label = train.label[at].astype(np.float64)
        seen = has_vectors(train)[at]
        return cls(train.horizon_weeks, train, folds, at, season, label, seen, LinearBase(folds))

    def over(self, base: Base) -> Start:
        """The same for a residual on another base."""
        return replace(self, base=base, folds=replace(self.folds, base=base))

    def calibrated(self, logit: Float64s) -> Float64s:
        """(V,) probabilities of (V,) log odds of a forecaster that reads no vectors."""
        return self.tabular(logit).probability(logit, self.seen)

    def model(self, fitted: Forecaster, logit: Float64s) -> HorizonModel:
        """Calibrate on (V,) out-of-fold log odds and set the decision threshold."""
        reads = HorizonModel(self.horizon_weeks, fitted).vector_widths is not None
        calibration = self.tabular(self.base.out_of_fold[self.at] if reads else logit)
        if reads:
            seen, every = self.seen, calibration.every
            own = choose_platt(logit[seen], self.label[seen], self.season[seen], every)
            calibration = Calibration(every, own)
        threshold = decision_threshold(calibration.probability(logit, self.seen), self.label)
        return HorizonModel(self.horizon_weeks, fitted, calibration, threshold)

    def scores(self, own: Float64s) -> dict[str, float | None]:
        """Brier of (V,) calibrated probabilities, beside the linear model's and the base's."""
        beside = {"": own, "linear_": self._linear_probability}
        if self.base.kind != LINEAR:
            beside["base_"] = self._base_probability
        seen, label = self.seen, self.label
        found = {f"{name}brier": _brier(p, label) for name, p in beside.items()}
        found |= {
            f"modality_{name}brier": _brier(p[seen], label[seen]) for name, p in beside.items()
        }
        return {**found, "rows": float(len(own)), "modality_rows": float(seen.sum())}

    def season_briers(self, logit: Float64s) -> Float64s:
        """(seasons,) Brier of a tabular forecaster's calibrated log odds (V,), oldest first."""
        loss = (self.calibrated(logit) - self.label) ** 2
        return np.array([loss[self.season == s].mean() for s in np.unique(self.season)])

    @cached_property
    def _linear_probability(self) -> Float64s:
        return self.calibrated(LinearBase(self.folds).out_of_fold[self.at])

    @cached_property
    def _base_probability(self) -> Float64s:
        return self.calibrated(self.base.out_of_fold[self.at])

    def tabular(self, logit: Float64s) -> Calibration:
        """Of a forecaster that reads no vectors, by its (V,) out-of-fold log odds."""
        key = sha256(logit.tobytes()).digest()
        if key not in self.calibrations:
            self.calibrations[key] = Calibration(choose_platt(logit, self.label, self.season))
        return self.calibrations[key]


def out_of_fold(kind: ForecasterClass, start: Start, config: Any) -> Float64s:
    """(N,) log odds of inner seasons by models that saw no row of them, NaN elsewhere."""
    if isinstance(kind, OutOfFold):
        return kind.out_of_fold(start.train, start.folds, config)
    out = np.full(len(start.train), np.nan)
    for fold in start.folds.seasons:
        own = Folds(fold.linear, fold.linear_logit[fold.train])
        fitted = kind.fit(start.train.take(fold.train), own, config)
        out[fold.validation] = log_odds(fitted, start.train.take(fold.validation))
    return out


def _brier(probability: Float64s, label: Float64s) -> float | None:
    return float(np.mean((probability - label) ** 2)) if len(label) else None
