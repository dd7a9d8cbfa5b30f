"""One horizon of a bundle: a fitted forecaster with its calibration and its decision threshold.

Training, evaluation and serving all use it.

Shape letters: N rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logit

from pipelines.arrays import Bools, Float64s
from pipelines.fusion.calibration import DEFAULT_DECISION_THRESHOLD, IDENTITY, Platt
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Decides, Forecaster, ReadsVectors, Residual

_CLOSEST = 1e-6  # a probability nearer to 0 or 1 has the log odds of this one


def log_odds(forecaster: Forecaster, rows: Examples) -> Float64s:
    """(N,) before calibration: its own, or those of its probabilities."""
    own: Callable[[Examples], Float64s] | None = getattr(forecaster, "decision_function", None)
    if own is not None:  # as Decides says; asking a protocol costs as much as a small head
        return own(rows)
    clipped = np.clip(forecaster.predict_proba(rows), _CLOSEST, 1 - _CLOSEST)
    return np.asarray(logit(clipped), dtype=np.float64)


def has_vectors(rows: Examples) -> Bools:
    """(N,) rows with an image or a text."""
    return rows.image.mask | rows.text.mask


@dataclass(frozen=True)
class Calibration:
    """Platt for every row, and another one for rows whose image or text was read.

    A residual leaves rows without vectors at its base's log odds, hence at its base's calibration.
    """

    every: Platt = IDENTITY
    with_vectors: Platt | None = None

    def probability(self, score: Float64s, seen: Bools) -> Float64s:
        """(N,) probabilities of (N,) log odds; `seen` are rows with vectors."""
        tabular = self.every.probability(score)
        if self.with_vectors is None:
            return tabular
        return np.where(seen, self.with_vectors.probability(score), tabular)

    @property
    def changes_nothing(self) -> bool:
        return self == Calibration()


@dataclass(frozen=True)
class HorizonModel:
    """Everything that turns a row of one horizon into a probability and a yes or no.

    Attributes:
        decision_threshold: a probability at or above it is an expected outbreak week.
    """

    horizon_weeks: int
    forecaster: Forecaster
    calibration: Calibration = Calibration()
    decision_threshold: float = DEFAULT_DECISION_THRESHOLD

    @cached_property
    def lambda_shift(self) -> float:
        """How far it moves image and text vectors; 0 if it reads none."""
        return self.forecaster.lambda_shift if isinstance(self.forecaster, ReadsVectors) else 0.0

    @cached_property
    def vector_widths(self) -> tuple[int, int] | None:
        """Widths of the image and text vectors that it reads; None if it reads none."""
        return self.forecaster.vector_widths if isinstance(self.forecaster, ReadsVectors) else None

    def logit(self, rows: Examples) -> Float64s:
        """(N,) log odds before calibration; a row without any modality has its base's."""
        return log_odds(self.forecaster, rows)

    def probability(self, rows: Examples) -> Float64s:
        """(N,) calibrated probability that the target week's cases exceed the threshold."""
        if self._answers_by_itself:
            return self.forecaster.predict_proba(rows)
        found = self.calibration.probability(self.logit(rows), has_vectors(rows))
        alone = self._base_of_probabilities
        if alone is None:
            return found
        added = has_vectors(rows) & (self.vector_widths is not None)
        return np.where(added, found, alone.probability(rows))

    @cached_property
    def _answers_by_itself(self) -> bool:
        return self.calibration.changes_nothing and not isinstance(self.forecaster, Decides)

    @cached_property
    def _base_of_probabilities(self) -> HorizonModel | None:
        """A residual's base, if it has log odds only by a detour that rounds."""
        own = self.forecaster
        if not isinstance(own, Residual) or isinstance(own.base, Decides):
            return None
        return HorizonModel(self.horizon_weeks, own.base, Calibration(self.calibration.every))
