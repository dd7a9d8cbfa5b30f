"""Fitting a fused head over its base: tune, refit, and log odds of the inner seasons.

Shape letters: N training rows, M of them with an image or a text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from pipelines.arrays import Float64s
from pipelines.contracts import FusedKind
from pipelines.fusion.alignment import Shift
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds, Tuning
from pipelines.fusion.model import FusedModel
from pipelines.run.cores import each_on_a_core
from pipelines.train_config import TrainConfig
from pipelines.training.base import base_of
from pipelines.training.head_folds import HeadFold, among, fold_rows, head_folds
from pipelines.training.rows import fused_rows, train_gap
from pipelines.training.train import State, train_fixed
from pipelines.training.tune import Tuned, tune


@dataclass(frozen=True)
class HeadConfig:
    """How a head is trained at every horizon."""

    loop: TrainConfig
    lambda_shift: float
    epochs: int


def tune_head(head: FusedKind, train: Examples, folds: Folds, config: TrainConfig) -> Tuning:
    """Lambda and epochs of a head. Epoch 0 is its base alone: lambda is 0 then."""
    tuned = tune(head, train, head_folds(folds), config)
    chosen = tuned.lambda_shift if tuned.epochs else 0.0
    return Tuning(
        HeadConfig(tuned.config, chosen, tuned.epochs),
        chosen,
        _reason(head, tuned, base_of(folds).kind),
        tuned.epochs,
        tuned.lambda_curve(),
        [choice.to_json() for choice in tuned.choices],
    )


def refit(head: FusedKind, train: Examples, folds: Folds, config: HeadConfig) -> FusedModel | None:
    """The head trained on all rows with vectors; None for no epochs."""
    if not config.epochs:
        return None
    base = base_of(folds)
    rows = fused_rows(train).with_logit(base.calibration.logit(base.logit()))
    gap = train_gap(rows)
    shift = Shift(config.lambda_shift, gap)
    return FusedModel(
        kind=head,
        image_width=train.image.width,
        text_width=train.text.width,
        width=rows.image.shape[1],
        lambda_shift=config.lambda_shift,
        gap=gap.numpy(),
        state=_before_calibration(
            train_fixed(head, rows, shift, config.loop, config.epochs).state, base.calibration.slope
        ),
    )


def _before_calibration(state: State, slope: float) -> State:
    """The head's last layer over the base's calibration slope: what it adds to calibrated log odds
    is then added before they are calibrated."""
    if slope == 1.0:
        return state
    last = {name: state[name] / np.float32(slope) for name in ("output.weight", "output.bias")}
    return {**state, **last}


def out_of_fold(head: FusedKind, train: Examples, folds: Folds, config: HeadConfig) -> Float64s:
    """(N,) log odds of each inner season by a head trained before it, NaN elsewhere.

    Rows without vectors, and seasons that no row with vectors comes before, keep the base's.
    """
    base = base_of(folds)
    out = base.out_of_fold.copy()
    if not config.epochs:
        return out
    rows = fused_rows(train)
    folds_with_rows = [fold for fold in head_folds(folds) if fold.usable(rows)]

    def season_logit(fold: HeadFold) -> Float64s:
        before, season = fold_rows(rows, fold)
        shift = Shift(config.lambda_shift, train_gap(before))
        trained = train_fixed(head, before, shift, config.loop, config.epochs, season)
        return trained.watched_logit[-1][:, 0]

    made = each_on_a_core([partial(season_logit, fold) for fold in folds_with_rows])
    for fold, logit in zip(folds_with_rows, made, strict=True):
        at = rows.at[among(fold.validation, rows)]
        out[at] = base.calibration.inverse(logit)
    return out


def _reason(head: FusedKind, tuned: Tuned, base: str) -> str:
    if tuned.epochs or not tuned.sweep:
        return tuned.lambda_reason
    own = (
        f"no epoch of the {head} head is better than its {base} start on validation, so the "
        f"{base} logit serves"
    )
    # A refusal to tune says more than that lambda would not have mattered.
    return f"{tuned.lambda_reason}; {own}" if tuned.refused else f"lambda is 0: {own}"
