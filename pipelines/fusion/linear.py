"""The linear head: a logistic regression on the covariates, relative to the label's threshold.

Belongs here: the design matrix, the fit, the logit and its files. Does not belong here: which rows
are training rows (training), calibration, or anything that reads an encoder's vectors.

Shape letters: N rows, K covariates, J design columns (design_names).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from pipelines.contracts import COVARIATE_NAMES, COVARIATES
from pipelines.errors import StoreError, TrainingError
from pipelines.fusion.examples import Examples
from pipelines.fusion.weights import FIX, read_tensors, write_tensors
from pipelines.storage import read_json, write_json

Doubles = npt.NDArray[np.float64]
_MAX_ITERATIONS = 500
# Counts that are also compared with the threshold on a scale where their noise is the same in
# towns of every size: 3 cases against 1 say less than 300 against 100. Anscombe 1948, "The
# transformation of Poisson, binomial and negative-binomial data", doi 10.1093/biomet/35.3-4.246.
STABILISED = (
    *(f"log1p_cases_lag{k:02d}" for k in range(4)),
    "log1p_cases_mean_lag04_07",
)
_RELATIVE = frozenset(c.name for c in COVARIATES if c.kind == "log_cases")
_WEIGHTS, _NAMES = "linear.safetensors", "linear.json"


def design_names(covariates: Sequence[str]) -> tuple[str, ...]:
    """Names of the design's columns: the covariates, then the stabilised differences."""
    return (*covariates, *(f"anscombe_{name[6:]}" for name in STABILISED if name in covariates))


# Covariates that change with the year's course: a year of training cannot tell them from its epidemic.
YEARLY = frozenset({c.name for c in COVARIATES if c.kind == "season"} | {"log1p_cases_last_year", "log1p_cases_mean_lag00_51"})  # fmt: skip
MIN_YEARLY_SPAN_WEEKS = 104
DESIGN_NAMES: tuple[str, ...] = design_names(COVARIATE_NAMES)


@dataclass(frozen=True)
class LinearModel:
    """A fitted logistic regression with its standardisation: the forecaster `linear`.

    Attributes:
        mean: (J,) of the design matrix over the training rows, NaN left out.
        scale: (J,) standard deviation likewise, 1 where a column is constant.
        weight: (J,) on standardised columns.
        bias: logit of a row of means.
        covariate_names: (K,) that it reads; those that most units lack were left out.
    """

    mean: Doubles
    scale: Doubles
    weight: Doubles
    bias: float
    covariate_names: tuple[str, ...] = COVARIATE_NAMES

    lone_row = True

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads of a row."""
        return (*self.covariate_names, "threshold_cases")

    @property
    def centre(self) -> Mapping[str, tuple[float, float]]:
        """Design column -> mean and standard deviation over the training rows."""
        pairs = zip(self.mean.tolist(), self.scale.tolist(), strict=True)
        return dict(zip(design_names(self.covariate_names), pairs, strict=True))

    def logit(self, examples: Examples) -> Doubles:
        """(N,) log odds of an outbreak week; a missing covariate counts as the training mean."""
        raw = design(examples, self.covariate_names)
        return _standardised(raw, self.mean, self.scale) @ self.weight + self.bias

    def decision_function(self, rows: Examples) -> Doubles:
        """(N,) log odds, before calibration."""
        return self.logit(rows)

    def predict_proba(self, rows: Examples) -> Doubles:
        """(N,) probabilities, before calibration."""
        return np.asarray(expit(self.logit(rows)), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write its numbers and the names of its covariates."""
        write_tensors(folder / _WEIGHTS, {"mean": self.mean, "scale": self.scale, "weight": self.weight, "bias": np.array([self.bias])})  # fmt: skip
        write_json(folder / _NAMES, {"covariate_names": self.covariate_names})

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """The inverse of save. Raises StoreError if files and names do not fit each other."""
        named: Mapping[str, Any] = read_json(folder / _NAMES)
        found = read_tensors(folder / _WEIGHTS)
        try:
            names = tuple(map(str, named["covariate_names"]))
            model = cls(found["mean"], found["scale"], found["weight"], float(found["bias"][0]), names)  # fmt: skip
        except (KeyError, IndexError, TypeError) as err:
            raise StoreError(f"the weights are not those of a linear model: {err}", where=str(folder), fix=FIX) from err  # fmt: skip
        model.require_shape(folder)
        return model

    def require_shape(self, where: Path) -> None:
        """Raise StoreError unless every array has the design's columns."""
        columns = (len(design_names(self.covariate_names)),)
        wrong = [k for k in ("mean", "scale", "weight") if getattr(self, k).shape != columns]
        if wrong:
            raise StoreError(f"the weights are not those of a linear model: {', '.join(wrong)} must have {columns[0]} columns", where=str(where), fix=FIX)  # fmt: skip


def design(examples: Examples, names: Sequence[str] | None = None) -> Doubles:
    """(N, J) raw design, columns as in design_names, NaN where a covariate is missing.

    Log-case columns minus log1p of the row's threshold, other covariates as they are, then the
    differences of Anscombe-transformed counts. A town is compared with its own threshold, so one
    coefficient serves towns of every size.

    Args:
        names: covariates to read; all that the rows have if none are given.
    """
    names = tuple(examples.covariate_names if names is None else names)
    raw = examples.columns(names)
    threshold = examples.threshold_cases.astype(np.float64)[:, None]
    counts = np.expm1(raw[:, [names.index(name) for name in STABILISED if name in names]])
    stabilised = _anscombe(counts) - _anscombe(threshold)
    raw[:, np.array([name in _RELATIVE for name in names], dtype=bool)] -= np.log1p(threshold)
    return np.concatenate([raw, stabilised], axis=1)


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
    with_value = [np.count_nonzero(np.bincount(unit[known[:, k]], minlength=1)) for k in range(known.shape[1])]  # fmt: skip
    return tuple(
        name
        for name, count in zip(train.covariate_names, with_value, strict=True)
        if count and 2 * count >= len(units) and name not in yearly
    )


def _anscombe(counts: Doubles) -> Doubles:
    return np.asarray(2.0 * np.sqrt(np.maximum(counts, 0.0) + 0.375))


def fit_linear(examples: Examples, c: float) -> LinearModel:
    """Fit on rows whose labels are known; `c` is the inverse L2 strength on standardised columns.

    Rows of one class only give a constant logit: the log odds of (positives + 1/2) / (N + 1).

    Raises:
        TrainingError: no row has a known label.
    """
    rows = examples.take(np.isfinite(examples.label))
    if not len(rows):
        raise TrainingError(
            "no training row has a known label",
            where=f"horizon {examples.horizon_weeks} weeks",
            fix="move as_of or the test year later, or start data.first_week earlier",
        )
    names = usable_covariates(rows)
    raw, label = design(rows, names), rows.label.astype(np.int64)
    mean, scale = _moments(raw)
    if label.min() == label.max() or not names:
        odds = (label.sum() + 0.5) / (len(label) - label.sum() + 0.5)
        return LinearModel(mean, scale, np.zeros_like(mean), float(np.log(odds)), names)
    # Many rows, few columns: Newton needs a handful of passes where L-BFGS needs forty. One BLAS
    # thread, because other thread counts give other bits.
    model = LogisticRegression(C=c, solver="newton-cholesky", max_iter=_MAX_ITERATIONS, tol=1e-8)
    with threadpool_limits(limits=1):
        model.fit(_standardised(raw, mean, scale), label)
    weight, bias = model.coef_[0].astype(np.float64), float(model.intercept_[0])
    return LinearModel(mean, scale, weight, bias, names)


def _moments(raw: Doubles) -> tuple[Doubles, Doubles]:
    """(J,) mean and standard deviation without NaN; a column without values gives 0 and 1."""
    known = np.isfinite(raw)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, raw, 0.0).sum(axis=0) / count
    variance = np.where(known, (raw - mean) ** 2, 0.0).sum(axis=0) / count
    return mean, np.where(variance > 1e-12, np.sqrt(variance), 1.0)


def _standardised(raw: Doubles, mean: Doubles, scale: Doubles) -> Doubles:
    """(N, J) in training standard deviations; NaN becomes 0, which is the training mean."""
    return np.where(np.isfinite(raw), (raw - mean) / scale, 0.0)
