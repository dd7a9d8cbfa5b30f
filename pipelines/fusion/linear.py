"""The linear head: a logistic regression on the covariates, relative to the label's threshold.

Belongs here: the design matrix, the fit and the logit. Does not belong here: which rows are
training rows (training), calibration, or anything that reads an encoder's vectors.

Shape letters: N rows, K covariates, J design columns (DESIGN_NAMES).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from pipelines.contracts import COVARIATE_NAMES, COVARIATES
from pipelines.errors import TrainingError
from pipelines.fusion.examples import Examples

Doubles = npt.NDArray[np.float64]
_MAX_ITERATIONS = 500
# Counts that are also compared with the threshold on a scale where their noise is the same in
# towns of every size: 3 cases against 1 say less than 300 against 100. Anscombe 1948, "The
# transformation of Poisson, binomial and negative-binomial data", doi 10.1093/biomet/35.3-4.246.
STABILISED = (
    *(f"log1p_cases_lag{k:02d}" for k in range(4)),
    "log1p_cases_mean_lag04_07",
)
DESIGN_NAMES: tuple[str, ...] = (*COVARIATE_NAMES, *(f"anscombe_{name[6:]}" for name in STABILISED))
_RELATIVE = np.array([c.kind == "log_cases" for c in COVARIATES])
_STABILISED = np.array([COVARIATE_NAMES.index(name) for name in STABILISED])


@dataclass(frozen=True)
class LinearModel:
    """A fitted logistic regression with its standardisation.

    Attributes:
        mean: (J,) of the design matrix over the training rows, NaN left out.
        scale: (J,) standard deviation likewise, 1 where a column is constant.
        weight: (J,) on standardised columns.
        bias: logit of a row of means.
    """

    mean: Doubles
    scale: Doubles
    weight: Doubles
    bias: float

    def logit(self, examples: Examples) -> Doubles:
        """(N,) log odds of an outbreak week; a missing covariate counts as the training mean."""
        return _standardised(design(examples), self.mean, self.scale) @ self.weight + self.bias


def design(examples: Examples) -> Doubles:
    """(N, J) raw design, columns as in DESIGN_NAMES, NaN where a covariate is missing.

    Log-case columns minus log1p of the row's threshold, other covariates as they are, then the
    differences of Anscombe-transformed counts. A town is compared with its own threshold, so one
    coefficient serves towns of every size.
    """
    raw = examples.covariates.astype(np.float64)
    threshold = examples.threshold_cases.astype(np.float64)[:, None]
    counts = np.expm1(raw[:, _STABILISED])
    stabilised = _anscombe(counts) - _anscombe(threshold)
    raw[:, _RELATIVE] -= np.log1p(threshold)
    return np.concatenate([raw, stabilised], axis=1)


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
    raw, label = design(rows), rows.label.astype(np.int64)
    mean, scale = _moments(raw)
    if label.min() == label.max():
        odds = (label.sum() + 0.5) / (len(label) - label.sum() + 0.5)
        return LinearModel(mean, scale, np.zeros_like(mean), float(np.log(odds)))
    # Many rows, few columns: Newton needs a handful of passes where L-BFGS needs forty. One BLAS
    # thread, because other thread counts give other bits.
    model = LogisticRegression(C=c, solver="newton-cholesky", max_iter=_MAX_ITERATIONS, tol=1e-8)
    with threadpool_limits(limits=1):
        model.fit(_standardised(raw, mean, scale), label)
    return LinearModel(mean, scale, model.coef_[0].astype(np.float64), float(model.intercept_[0]))


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
