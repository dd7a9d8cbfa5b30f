"""Reference forecasts that any model has to beat, fitted on the same rows under the same embargo.

Belongs here: one function a baseline, from training and test Examples to probabilities of the test
rows. Does not belong here: which rows those are (backtest.py).

Rates are pooled over the training rows of one group of municipalities: the benchmark's for
benchmark rows, the whole pool's for the others, because prevalence differs between the two.
The class at origin is the class of the last week whose cases were known then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from pipelines.contracts import COVARIATE_NAMES
from pipelines.fusion.examples import Examples
from pipelines.fusion.linear import design

Array = npt.NDArray[np.float64]
Baseline = Callable[[Examples, Examples], Array]

_RECENT_LAGS = [COVARIATE_NAMES.index(f"log1p_cases_lag{k:02d}") for k in range(4)]
_CLIMATOLOGY_HALF_WINDOW_WEEKS = 1
_CLIMATOLOGY_PRIOR_WEEKS = 4.0  # weight of the prevalence, in weeks: two past years give six
_YEAR_WEEKS = 52  # week 53, which the table lacks, shares the place of week 52
_TREES = {"max_iter": 80, "learning_rate": 0.06, "max_leaf_nodes": 8, "min_samples_leaf": 200, "l2_regularization": 10.0}  # fmt: skip
_SEED = 7


def class_at_origin(examples: Examples) -> Array:
    """(N,) 1.0 or 0.0: last known weekly cases above the threshold or not; NaN if none is known.

    Counts are whole, so undoing log1p in float32 and rounding gives them back exactly.
    """
    lags = examples.covariates[:, _RECENT_LAGS].astype(np.float64)
    newest = np.argmax(np.isfinite(lags), axis=1)
    cases = np.rint(np.expm1(lags[np.arange(len(lags)), newest]))
    above = (cases > examples.threshold_cases).astype(np.float64)
    return np.where(np.isfinite(cases), above, np.nan)


def prevalence(train: Examples, test: Examples) -> Array:
    """The training rate, for every row."""
    return np.full(len(test), _rate(train))


def persistence(train: Examples, test: Examples) -> Array:
    """The class at origin as a certainty; 0 where no recent count is known."""
    del train
    return np.nan_to_num(class_at_origin(test), nan=0.0)


def persistence_calibrated(train: Examples, test: Examples) -> Array:
    """Training rate of outbreak given the class at origin; prevalence where that is unknown."""
    was, now = class_at_origin(train), class_at_origin(test)
    out = prevalence(train, test)
    for value in (0.0, 1.0):
        seen = was == value
        if seen.any():
            out[now == value] = train.label[seen].mean(dtype=np.float64)
    return out


def climatology(train: Examples, test: Examples) -> Array:
    """Rate in the same epidemiological week +-1 of past years, by municipality.

    Shrunk to the prevalence as if it had been seen for four weeks; a municipality without past
    gets the prevalence.
    """
    units, place = np.unique(np.concatenate([train.unit_id, test.unit_id]), return_inverse=True)
    own, asked = place[: len(train)], place[len(train) :]
    cell = own * _YEAR_WEEKS + _week_place(train)
    size = len(units) * _YEAR_WEEKS
    rows = _windowed(np.bincount(cell, minlength=size))
    outbreaks = _windowed(np.bincount(cell, train.label.astype(np.float64), size))
    shrunk = (outbreaks + _CLIMATOLOGY_PRIOR_WEEKS * _rate(train)) / (
        rows + _CLIMATOLOGY_PRIOR_WEEKS
    )
    return shrunk[asked, _week_place(test)]


def gradient_boosting(train: Examples, test: Examples) -> Array:
    """Boosted trees on the covariates, cases relative to the threshold. One thread: same bits."""
    if train.label.max() == train.label.min():
        return prevalence(train, test)
    trees = HistGradientBoostingClassifier(random_state=_SEED, early_stopping=False, **_TREES)
    with threadpool_limits(limits=1):
        trees.fit(design(train), train.label > 0)
        return np.asarray(trees.predict_proba(design(test))[:, 1], dtype=np.float64)


# name -> (function, whether its rates are those of the group or it learns from the whole pool)
BASELINES: Mapping[str, Baseline] = {
    "prevalence": prevalence,
    "persistence": persistence,
    "persistence_calibrated": persistence_calibrated,
    "climatology": climatology,
    "gradient_boosting": gradient_boosting,
}
POOLED = frozenset({"gradient_boosting"})  # learns from the whole pool, as the heads do


def _rate(train: Examples) -> float:
    return float(train.label.mean(dtype=np.float64))


def _week_place(rows: Examples) -> npt.NDArray[np.int64]:
    """(N,) 0..51: place of each target week in its year."""
    distinct, inverse = np.unique(rows.target_week_no, return_inverse=True)
    places = [min(rows.calendar.week_of_year(n), _YEAR_WEEKS) - 1 for n in distinct]
    return np.array(places, dtype=np.int64)[inverse]


def _windowed(cells: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> Array:
    year = cells.reshape(-1, _YEAR_WEEKS).astype(np.float64)
    steps = range(-_CLIMATOLOGY_HALF_WINDOW_WEEKS, _CLIMATOLOGY_HALF_WINDOW_WEEKS + 1)
    return np.asarray(sum(np.roll(year, step, axis=1) for step in steps))
