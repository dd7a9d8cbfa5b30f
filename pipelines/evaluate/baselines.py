"""Reference forecasts that any model has to beat, fitted on the same rows under the same embargo.

Rates are pooled over the training rows of one group of municipalities: the benchmark's for
benchmark rows, the whole pool's for the others, because prevalence differs between the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from threadpoolctl import threadpool_limits

from pipelines.arrays import Float64s
from pipelines.fusion.design import design
from pipelines.fusion.examples import Examples
from pipelines.models.baselines import (
    Climatology,
    Persistence,
    PersistenceCalibrated,
    Prevalence,
    class_at_origin,
)

__all__ = ["BASELINES", "POOLED", "Baseline", "class_at_origin"]

Baseline = Callable[[Examples, Examples], Float64s]

_TREES = {
    "max_iter": 80,
    "learning_rate": 0.06,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 200,
    "l2_regularization": 10.0,
}
_SEED = 7


def prevalence(train: Examples, test: Examples) -> Float64s:
    """The training rate, for every row."""
    return Prevalence.fit(train).predict_proba(test)


def persistence(train: Examples, test: Examples) -> Float64s:
    """The class at origin as a certainty; 0 where no recent count is known."""
    return Persistence.fit(train).predict_proba(test)


def persistence_calibrated(train: Examples, test: Examples) -> Float64s:
    """Training rate of outbreak given the class at origin; prevalence where that is unknown."""
    return PersistenceCalibrated.fit(train).predict_proba(test)


def climatology(train: Examples, test: Examples) -> Float64s:
    """Rate in the same epidemiological week +-1 of past years, by municipality."""
    return Climatology.fit(train).predict_proba(test)


def gradient_boosting(train: Examples, test: Examples) -> Float64s:
    """Boosted trees on the covariates, cases relative to the threshold. One thread: same bits.

    A column without any value in the training rows says nothing and is left out.
    """
    if train.label.max() == train.label.min():
        return prevalence(train, test)
    # Imported here: a second and more, and whoever judges predictions fits no trees.
    from sklearn.ensemble import HistGradientBoostingClassifier

    raw = design(train)
    known = np.isfinite(raw).any(axis=0)
    trees = HistGradientBoostingClassifier(random_state=_SEED, early_stopping=False, **_TREES)
    with threadpool_limits(limits=1):
        trees.fit(raw[:, known], train.label > 0)
        return np.asarray(trees.predict_proba(design(test)[:, known])[:, 1], dtype=np.float64)


# name -> (function, whether its rates are those of the group or it learns from the whole pool)
BASELINES: Mapping[str, Baseline] = {
    "prevalence": prevalence,
    "persistence": persistence,
    "persistence_calibrated": persistence_calibrated,
    "climatology": climatology,
    "gradient_boosting": gradient_boosting,
}
POOLED = frozenset({"gradient_boosting"})  # learns from the whole pool, as the heads do
