"""From a logit to a probability that can be trusted, and from a probability to a yes or no.

All of it is fitted on out-of-fold validation rows only.

Source: Platt 1999, "Probabilistic outputs for support vector machines".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from pipelines.arrays import Float64s

# Fewer rows of either class than this do not carry two parameters.
MIN_ROWS_OF_A_CLASS = 20
DEFAULT_DECISION_THRESHOLD = 0.5
WANTED_SENSITIVITY = 0.8


@dataclass(frozen=True)
class Platt:
    """probability = sigmoid(slope * logit + intercept); the default changes nothing."""

    slope: float = 1.0
    intercept: float = 0.0

    def probability(self, logit: Float64s) -> Float64s:
        """(N,) probabilities of (N,) logits."""
        return np.asarray(expit(self.logit(logit)), dtype=np.float64)

    def logit(self, logit: Float64s) -> Float64s:
        """(N,) calibrated log odds of (N,) ones."""
        return self.slope * logit + self.intercept

    def inverse(self, calibrated: Float64s) -> Float64s:
        """(N,) log odds that have the (N,) calibrated ones."""
        return (calibrated - self.intercept) / self.slope


IDENTITY = Platt()


def fit_platt(logit: Float64s, label: Float64s) -> Platt:
    """Two-parameter fit on out-of-fold logits; identity when rows or classes are too few.

    A slope that is not positive would turn the ranking round: identity then too.
    """
    positives = int((label == 1).sum())
    if min(positives, len(label) - positives) < MIN_ROWS_OF_A_CLASS:
        return IDENTITY
    from sklearn.linear_model import LogisticRegression  # a second and more, and only fits need it

    model = LogisticRegression(C=1e6, solver="lbfgs").fit(logit[:, None], label.astype(np.int64))
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    return Platt(slope, intercept) if slope > 0 else IDENTITY


def choose_platt(
    logit: Float64s,
    label: Float64s,
    season: npt.NDArray[np.integer],
    otherwise: Platt = IDENTITY,
) -> Platt:
    """A fitted Platt or `otherwise`, by their Brier on seasons that Platt was not fitted on.

    Each season is scored by a Platt fitted on the others. Platt is taken, and then fitted on all,
    only if it is better in every season and, in the mean, by more than one standard error of the
    paired difference over seasons: two parameters from one odd season must not bend the next.
    """
    seasons = np.unique(season)
    if len(seasons) < 2:
        return otherwise
    gain = []
    for held_out in seasons:
        inside = season != held_out
        fitted = fit_platt(logit[inside], label[inside])
        scored, truth = logit[~inside], label[~inside]
        gain.append(_brier(otherwise, scored, truth) - _brier(fitted, scored, truth))
    mean_gain = float(np.mean(gain))
    error = float(np.std(gain, ddof=1) / np.sqrt(len(gain)))
    return fit_platt(logit, label) if mean_gain > error and min(gain) > 0 else otherwise


def decision_threshold(probability: Float64s, label: Float64s) -> float:
    """The largest threshold whose sensitivity on these validation rows is at least 0.8.

    A missed outbreak costs more than a false alarm, hence a sensitivity that is asked for and a
    threshold that follows. Without positive rows there is nothing to ask: 0.5. A row is positive
    when its probability is at or above the threshold.
    """
    of_positives = np.sort(probability[label == 1])[::-1]
    if not len(of_positives):
        return DEFAULT_DECISION_THRESHOLD
    needed = int(np.ceil(WANTED_SENSITIVITY * len(of_positives) - 1e-9))
    return float(of_positives[needed - 1])


def _brier(platt: Platt, logit: Float64s, label: Float64s) -> float:
    return float(np.mean((platt.probability(logit) - label) ** 2))
