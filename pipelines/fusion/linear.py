"""The linear head: a logistic regression on the covariates, relative to the label's threshold.

Shape letters: N rows, K covariates, J design columns (design_names).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import ThreadpoolController

from pipelines.arrays import Float64s, Int64s
from pipelines.contracts import COVARIATE_NAMES
from pipelines.errors import StoreError, TrainingError
from pipelines.fusion.design import (
    Designed,
    OverDesign,
    Spread,
    design,
    design_names,
    deviations,
    usable_covariates,
)
from pipelines.fusion.examples import Examples
from pipelines.fusion.weights import FIX, read_tensors, write_tensors
from pipelines.storage import read_json, write_json

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

_MAX_ITERATIONS = 500
_MANY_ROWS, _EVERY = 20_000, 8
_WEIGHTS, _NAMES = "linear.safetensors", "linear.json"


@dataclass(frozen=True)
class LinearModel(OverDesign):
    """A fitted logistic regression with its standardisation: the forecaster `linear`.

    Attributes:
        mean: (J,) of the design matrix over the training rows, NaN left out.
        scale: (J,) standard deviation likewise, 1 where a column is constant.
        weight: (J,) on standardised columns.
        bias: logit of a row of means.
        covariate_names: (K,) that it reads; those that most units lack were left out.
    """

    mean: Float64s
    scale: Float64s
    weight: Float64s
    bias: float
    covariate_names: tuple[str, ...] = COVARIATE_NAMES

    def training_spread(self) -> Spread:
        """(J, 2) mean and standard deviation of each design column over the training rows."""
        return list(zip(self.mean.tolist(), self.scale.tolist(), strict=True))

    def logit(self, examples: Examples) -> Float64s:
        """(N,) log odds of an outbreak week; a missing covariate counts as the training mean."""
        return self._logit(design(examples, self.covariate_names))

    def logit_of(self, designed: Designed) -> Float64s:
        """The same of rows whose design is made already."""
        return self._logit(designed.columns(self.covariate_names))

    def _logit(self, raw: Float64s) -> Float64s:
        return _standardised(raw, self.mean, self.scale) @ self.weight + self.bias

    def decision_function(self, rows: Examples) -> Float64s:
        """(N,) log odds, before calibration."""
        return self.logit(rows)

    def save(self, folder: Path) -> None:
        """Write its numbers and the names of its covariates."""
        write_tensors(
            folder / _WEIGHTS,
            {
                "mean": self.mean,
                "scale": self.scale,
                "weight": self.weight,
                "bias": np.array([self.bias]),
            },
        )
        write_json(folder / _NAMES, {"covariate_names": self.covariate_names})

    @classmethod
    def load(cls, folder: Path) -> LinearModel:
        """The inverse of save. Raises StoreError if files and names do not fit each other."""
        named: Mapping[str, Any] = read_json(folder / _NAMES)
        found = read_tensors(folder / _WEIGHTS)
        try:
            names = tuple(map(str, named["covariate_names"]))
            model = cls(
                found["mean"], found["scale"], found["weight"], float(found["bias"][0]), names
            )
        except (KeyError, IndexError, TypeError) as err:
            raise StoreError(
                f"the weights are not those of a linear model: {err}", where=str(folder), fix=FIX
            ) from err
        model.require_shape(folder)
        return model

    def require_shape(self, where: Path) -> None:
        """Raise StoreError unless every array has the design's columns."""
        columns = (len(design_names(self.covariate_names)),)
        wrong = [k for k in ("mean", "scale", "weight") if getattr(self, k).shape != columns]
        if wrong:
            raise StoreError(
                f"the weights are not those of a linear model: {', '.join(wrong)} must have "
                f"{columns[0]} columns",
                where=str(where),
                fix=FIX,
            )


def fit_linear(examples: Examples, c: float, designed: Designed | None = None) -> LinearModel:
    """Fit on rows whose labels are known; `c` is the inverse L2 strength on standardised columns.

    Rows of one class only give a constant logit: the log odds of (positives + 1/2) / (N + 1).

    Args:
        designed: the design of the same rows, where it is made already.

    Raises:
        TrainingError: no row has a known label.
    """
    known = np.isfinite(examples.label)
    rows = examples if known.all() else examples.take(known)
    if not len(rows):
        raise TrainingError(
            "no training row has a known label",
            where=f"horizon {examples.horizon_weeks} weeks",
            fix="move as_of or the test year later, or start data.first_week earlier",
        )
    names = usable_covariates(rows)
    if designed is None:
        raw = design(rows, names)
    else:
        raw = (designed if rows is examples else designed.take(known)).columns(names)
    label = rows.label.astype(np.int64)
    mean, variance, columns = deviations(raw)
    scale = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
    if label.min() == label.max() or not names:
        odds = (label.sum() + 0.5) / (len(label) - label.sum() + 0.5)
        return LinearModel(mean, scale, np.zeros_like(mean), float(np.log(odds)), names)
    columns /= scale
    model = _solve(columns, label, c)
    weight, bias = model.coef_[0].astype(np.float64), float(model.intercept_[0])
    return LinearModel(mean, scale, weight, bias, names)


def _solve(columns: Float64s, label: Int64s, c: float) -> LogisticRegression:
    """Fit (N, J) standardised columns.

    Many rows, few columns: Newton needs a handful of passes where L-BFGS needs forty, and half of
    these from where every eighth row led: the same rows give the same bits, whatever was fitted
    before. One BLAS thread, because other thread counts give other bits.
    """
    from sklearn.linear_model import LogisticRegression  # a second and more, and only fits need it

    model = LogisticRegression(
        C=c, solver="newton-cholesky", max_iter=_MAX_ITERATIONS, tol=1e-8, warm_start=True
    )
    some = slice(None, None, _EVERY)
    with _pools().limit(limits=1):
        if len(label) >= _MANY_ROWS and len(np.unique(label[some])) > 1:
            model.set_params(C=c * _EVERY).fit(columns[some], label[some])
        return model.set_params(C=c).fit(columns, label)


@contextmanager
def side_by_side() -> Iterator[None]:
    """One BLAS thread for all that is fitted inside: BLAS has one number for the whole process, and
    of two fits at once the first to end would give the other one more threads, hence other bits."""
    import sklearn.linear_model  # noqa: F401  # its libraries are among the pools

    with _pools().limit(limits=1):
        yield


@cache
def _pools() -> ThreadpoolController:
    """The thread pools of this process, looked for once and when scikit-learn is there: to look
    takes a tenth of the time of a fit."""
    return ThreadpoolController()


def _standardised(raw: Float64s, mean: Float64s, scale: Float64s) -> Float64s:
    """(N, J) in training standard deviations; NaN becomes 0, which is the training mean."""
    out = raw - mean
    out /= scale
    out[~np.isfinite(out)] = 0.0
    return out
