"""The one-standard-error rule: of settings that score alike, the plainest.

Source: Breiman et al. 1984, Classification and Regression Trees, section 3.4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

import numpy as np

from pipelines.arrays import Float64s

Setting = TypeVar("Setting", bound=Hashable)


def within_one_error(
    scores: Mapping[Setting, Float64s], far: Callable[[Setting], float]
) -> tuple[Setting, list[Setting]]:
    """The best setting, and those not worse than it by more than one standard error.

    Args:
        scores: setting -> (seasons,) Brier on the same seasons, or another score of which less is
            better.
        far: how far a setting is from the plain one; the nearer of equals is the best.

    The standard error is that of the paired difference to the best over seasons,
    std(ddof = 1) / sqrt(seasons).
    """
    best = min(scores, key=lambda one: (scores[one].mean(), far(one)))
    within = [one for one, score in scores.items() if _excess(score, scores[best]) <= 0]
    return best, within


def plainest(scores: Mapping[Setting, Float64s], far: Callable[[Setting], float]) -> Setting:
    """Of those within one standard error of the best the nearest to the plain one; of two equally
    near the better."""
    _, within = within_one_error(scores, far)
    return min(within, key=lambda one: (far(one), scores[one].mean()))


def _excess(score: Float64s, best: Float64s) -> float:
    """Mean score above the best, less one standard error of the paired difference."""
    difference = score - best
    if len(difference) < 2:
        return float(difference.mean())
    return float(difference.mean() - difference.std(ddof=1) / np.sqrt(len(difference)))
