"""What a fused head must beat on the same rows: the commonest class, the class known before, and a
logistic regression on plain numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from pipelines.arrays import Bools, Float64s, Int64s
from pipelines.errors import TrainingError
from pipelines.paper.study import Study

INVERSE_L2 = 1.0  # scikit-learn's C, on standardised columns
_MAX_ITERATIONS = 1000


def baselines(study: Study, split: npt.NDArray[np.str_]) -> dict[str, Int64s]:
    """Predicted class of all N rows by each baseline that the study allows.

    "most_frequent": the commonest class of the training rows (of equals the first);
    "persistence": the class known before the row's week, the commonest where none is known;
    "covariates": see `_logistic`. Only rows that a head can train on (`study.usable`) are
    training rows here too, so that a comparison is one of inputs and not of sample sizes.

    Args:
        split: (N,) part of each row, see study.Part.

    Raises:
        TrainingError: the split is not of this study, or has no training row.
    """
    if len(split) != len(study):
        raise TrainingError(
            f"a split of {len(split)} rows for {len(study)}",
            where=study.name,
            fix="split this study",
        )
    train = (split == "train") & study.usable
    if not train.any():
        raise TrainingError(
            "no row to train a baseline on",
            where=study.name,
            fix="bring images of the training part, or look at the study's issues",
        )
    label = study.rows["label"].to_numpy(np.int64)
    commonest = int(np.bincount(label[train]).argmax())
    predicted = {"most_frequent": np.full(len(study), commonest, np.int64)}
    if study.persistence is not None:
        known = np.nan_to_num(study.persistence, nan=commonest)
        predicted["persistence"] = known.astype(np.int64)
    if study.covariates is not None:
        values = study.covariates.to_numpy(np.float64)
        predicted["covariates"] = _logistic(values, label, train)
    return predicted


def _logistic(values: Float64s, label: Int64s, train: Bools) -> Int64s:
    """(N,) class by a logistic regression on (N, K) values, fitted on the training rows.

    A missing value counts as the training mean, and a column says that it was missing. Training
    rows of one class only give that class.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    if len(np.unique(label[train])) == 1:
        return np.full(len(label), label[train][0], np.int64)
    model = make_pipeline(
        SimpleImputer(add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=INVERSE_L2, max_iter=_MAX_ITERATIONS),
    )
    with threadpool_limits(limits=1):  # other thread counts give other bits
        model.fit(values[train], label[train])
        return np.asarray(model.predict(values), np.int64)
