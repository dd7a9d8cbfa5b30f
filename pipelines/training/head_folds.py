"""Inner seasons as a fused head is trained before them and watched in them.

Shape letters: N training rows, M of them with an image or a text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pipelines.arrays import Bools, Float64s
from pipelines.data.splits import Season
from pipelines.fusion.forecaster import Folds
from pipelines.training.base import base_of
from pipelines.training.rows import FusedRows


@dataclass(frozen=True)
class HeadFold:
    """An inner season as a residual is trained before it.

    Attributes:
        train, validation: (N,) masks of rows with known labels.
        logit: (N,) calibrated log odds that the residual is added to, on the rows of both.
    """

    season: Season
    train: Bools
    validation: Bools
    logit: Float64s

    def usable(self, rows: FusedRows) -> bool:
        """Whether rows with an image or a text lie before the season and inside it."""
        return bool(among(self.train, rows).any() and among(self.validation, rows).any())


def head_folds(folds: Folds) -> tuple[HeadFold, ...]:
    """The inner seasons over what a residual starts from."""
    base = base_of(folds)
    return tuple(
        HeadFold(
            fold.season, fold.train, fold.validation, base.calibration.logit(base.logit_before(at))
        )
        for at, fold in enumerate(folds.seasons)
    )


def fold_rows(rows: FusedRows, fold: HeadFold) -> tuple[FusedRows, FusedRows]:
    """Training and validation rows of a fold, over that fold's own log odds of the base."""
    own = rows.with_logit(fold.logit)
    before, inside = (
        torch.from_numpy(np.flatnonzero(among(mask, rows)))
        for mask in (fold.train, fold.validation)
    )
    return own.take(before), own.take(inside)


def among(mask: Bools, rows: FusedRows) -> Bools:
    """(M,) of an (N,) mask."""
    return mask[rows.at]
