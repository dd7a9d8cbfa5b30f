"""What a residual starts from: the linear model, or another forecaster that reads no vectors.

Trees that have seen a row all but know its label: a head that is trained on their log odds of
training rows learns that nothing is left to say. So those of any base but the linear one are
cross-fitted: each part of the years is answered by a model of the other parts. Few trees are far
too cautious, many too sure: a head is trained on calibrated log odds, else it would spend itself on
that.
Source: Wolpert 1992, "Stacked generalization", doi 10.1016/S0893-6080(05)80023-1.

Shape letters: N training rows of a horizon.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pipelines.arrays import Bools, Float64s
from pipelines.contracts import LINEAR
from pipelines.fusion.calibration import IDENTITY, Platt
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Base, Folds, Forecaster, ForecasterClass
from pipelines.fusion.horizon import log_odds

_PARTS = 3  # of the years; whole years, because neighbouring weeks share an epidemic


def base_of(folds: Folds) -> Base:
    """What a residual over these folds starts from."""
    return folds.base or LinearBase(folds)


@dataclass(frozen=True)
class LinearBase:
    """The linear model, which the folds hold already. It has too few numbers to know its rows."""

    folds: Folds
    kind = LINEAR
    calibration = IDENTITY

    @property
    def fitted(self) -> Forecaster:
        """On all training rows."""
        return self.folds.linear

    @property
    def out_of_fold(self) -> Float64s:
        """(N,) log odds of each inner season by the model before it, NaN elsewhere."""
        out = np.full(len(self.folds.linear_logit), np.nan)
        for season in self.folds.seasons:
            out[season.validation] = season.linear_logit[season.validation]
        return out

    def logit(self) -> Float64s:
        """(N,) of the model of all training rows."""
        return self.folds.linear_logit

    def logit_before(self, season: int) -> Float64s:
        """(N,) of the model before an inner season."""
        return self.folds.seasons[season].linear_logit


@dataclass(frozen=True)
class FittedBase:
    """Another forecaster, fitted and asked for its inner seasons already.

    Attributes:
        config: what its class is fitted with.
    """

    kind: str
    fitted: Forecaster
    out_of_fold: Float64s
    calibration: Platt
    maker: ForecasterClass
    config: Any
    train: Examples
    folds: Folds

    @cached_property
    def _logit(self) -> Float64s:
        every = np.ones(len(self.train), dtype=bool)
        return self._cross_fitted(every, Folds(self.folds.linear, self.folds.linear_logit))

    @cached_property
    def _logits_before(self) -> tuple[Float64s, ...]:
        made = []
        for fold in self.folds.seasons:
            logit = self._cross_fitted(fold.train, Folds(fold.linear, fold.linear_logit))
            logit[fold.validation] = self.out_of_fold[fold.validation]
            made.append(logit)
        return tuple(made)

    def logit(self) -> Float64s:
        """(N,) of each training row by a model of other years. Fitted when first asked for."""
        return self._logit

    def logit_before(self, season: int) -> Float64s:
        """(N,) the same of the rows before an inner season, and out of fold inside it."""
        return self._logits_before[season]

    def _cross_fitted(self, rows: Bools, beside: Folds) -> Float64s:
        out = np.full(len(self.train), np.nan)
        parts = _parts(self.train, rows)
        for part in parts:
            others = rows & ~part if len(parts) > 1 else part
            own = Folds(beside.linear, beside.linear_logit[others])
            fitted = self.maker.fit(self.train.take(others), own, self.config)
            out[part] = log_odds(fitted, self.train.take(part))
        return out


def _parts(train: Examples, rows: Bools) -> list[Bools]:
    """(N,) masks of the rows chosen, by runs of whole years of the target week."""
    weeks, at = np.unique(train.target_week_no, return_inverse=True)
    year = np.array([train.calendar.epi_year(int(week)) for week in weeks])[at]
    runs = np.array_split(np.unique(year[rows]), _PARTS)
    return [rows & np.isin(year, run) for run in runs if len(run)]
