"""The design of tabular forecasters: covariates relative to the label's threshold, as columns.

Shape letters: N rows, K covariates, J design columns (design_names).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import expit

from pipelines.arrays import Bools, Float64s, Int64s
from pipelines.contracts import COVARIATE_NAMES, COVARIATES
from pipelines.fusion.examples import Examples

Spread = Sequence[tuple[float, float]]
# Counts that are also compared with the threshold on a scale where their noise is the same in
# towns of every size: 3 cases against 1 say less than 300 against 100. Anscombe 1948, "The
# transformation of Poisson, binomial and negative-binomial data", doi 10.1093/biomet/35.3-4.246.
STABILISED = (
    *(f"log1p_cases_lag{k:02d}" for k in range(4)),
    "log1p_cases_mean_lag04_07",
)
# Covariates that change with the year's course: a year of training cannot tell them from its
# epidemic.
YEARLY = frozenset(
    {c.name for c in COVARIATES if c.kind == "season"}
    | {"log1p_cases_last_year", "log1p_cases_mean_lag00_51"}
)
MIN_YEARLY_SPAN_WEEKS = 104
_RELATIVE = frozenset(c.name for c in COVARIATES if c.kind == "log_cases")


def design_names(covariates: Sequence[str]) -> tuple[str, ...]:
    """Names of the design's columns: the covariates, then the stabilised differences."""
    return (*covariates, *(f"anscombe_{name[6:]}" for name in STABILISED if name in covariates))


DESIGN_NAMES: tuple[str, ...] = design_names(COVARIATE_NAMES)


class OverDesign(ABC):
    """What a fitted forecaster over the design says of itself; it brings names, spread and log
    odds.

    Attributes:
        covariate_names: (K,) that it reads; those that most units lack were left out.
    """

    covariate_names: tuple[str, ...]
    lone_row: ClassVar[bool] = True

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads of a row."""
        return (*self.covariate_names, "threshold_cases")

    @property
    def centre(self) -> Mapping[str, tuple[float, float]]:
        """Design column -> mean and standard deviation over the training rows."""
        return dict(zip(design_names(self.covariate_names), self.training_spread(), strict=True))

    @abstractmethod
    def training_spread(self) -> Spread:
        """(J, 2) mean and standard deviation of each design column over the training rows."""

    @abstractmethod
    def decision_function(self, rows: Examples) -> Float64s:
        """(N,) log odds, before calibration."""

    def predict_proba(self, rows: Examples) -> Float64s:
        """(N,) probabilities, before calibration."""
        return np.asarray(expit(self.decision_function(rows)), dtype=np.float64)


def design(examples: Examples, names: Sequence[str] | None = None) -> Float64s:
    """(N, J) raw design, columns as in design_names, NaN where a covariate is missing.

    Log-case columns minus log1p of the row's threshold, other covariates as they are, then the
    differences of Anscombe-transformed counts. A town is compared with its own threshold, so one
    coefficient serves towns of every size.

    Args:
        names: covariates to read; all that the rows have if none are given.
    """
    names = tuple(examples.covariate_names if names is None else names)
    counted, relative = _places(names)
    raw = examples.columns(names)
    threshold = examples.threshold_cases.astype(np.float64)[:, None]
    stabilised = _anscombe(np.expm1(raw[:, counted])) - _anscombe(threshold)
    raw[:, relative] -= np.log1p(threshold)
    return np.concatenate([raw, stabilised], axis=1)


@lru_cache(maxsize=64)
def _places(names: tuple[str, ...]) -> tuple[Int64s, Int64s]:
    """Where the counts lie that are also stabilised, and what is compared with the threshold."""
    counted = [names.index(name) for name in STABILISED if name in names]
    relative = [at for at, name in enumerate(names) if name in _RELATIVE]
    return np.array(counted, dtype=np.int64), np.array(relative, dtype=np.int64)


@dataclass(frozen=True)
class Designed:
    """The design of a table of rows, made once where many fits read it.

    Attributes:
        covariates: (K,) all that the rows have.
        table: (N, J) raw design of them.
    """

    covariates: tuple[str, ...]
    table: Float64s

    @classmethod
    def of(cls, examples: Examples) -> Designed:
        """Of all covariates of the rows."""
        return cls(examples.covariate_names, design(examples))

    def take(self, chosen: Bools) -> Designed:
        """The rows chosen by a mask."""
        return Designed(self.covariates, self.table[chosen])

    def columns(self, names: Sequence[str]) -> Float64s:
        """(N, J') the design of some of the covariates, as design() gives it."""
        if tuple(names) == self.covariates:
            return self.table
        place = {name: at for at, name in enumerate(design_names(self.covariates))}
        return np.take(self.table, [place[name] for name in design_names(names)], axis=1)


def usable_covariates(train: Examples) -> tuple[str, ...]:
    """Covariates that at least half of the units have a value of, and that history can tell apart.

    One that a single unit has would become that unit's clock: a model learns the unit, not the
    covariate. One that goes by the year takes the course of a lone epidemic year for a season:
    with training targets of less than two years they are left out.
    """
    span = int(np.ptp(train.target_week_no)) + 1 if len(train) else 0
    yearly = YEARLY if span < MIN_YEARLY_SPAN_WEEKS else frozenset()
    unit, units = pd.factorize(train.unit_id)
    known = np.isfinite(train.covariates)
    with_value = [
        np.count_nonzero(np.bincount(unit[known[:, k]], minlength=1)) for k in range(known.shape[1])
    ]
    return tuple(
        name
        for name, count in zip(train.covariate_names, with_value, strict=True)
        if count and 2 * count >= len(units) and name not in yearly
    )


def _anscombe(counts: Float64s) -> Float64s:
    return np.asarray(2.0 * np.sqrt(np.maximum(counts, 0.0) + 0.375))


def moments(raw: Float64s) -> tuple[Float64s, Float64s]:
    """(J,) mean and variance of each column without NaN; a column without values gives 0 and 0."""
    mean, variance, _ = deviations(raw)
    return mean, variance


def deviations(raw: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """The same, and (N, J) differences from the mean, 0 where a value is missing."""
    missing = ~np.isfinite(raw)
    count = np.maximum(len(raw) - missing.sum(axis=0), 1)
    away = np.where(missing, 0.0, raw)
    mean = away.sum(axis=0) / count
    away -= mean
    away[missing] = 0.0
    return mean, np.square(away).sum(axis=0) / count, away
