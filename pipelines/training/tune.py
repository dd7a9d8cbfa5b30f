"""Choosing lambda and the number of epochs on validation seasons, never on a test year.

Within one sweep every lambda, 0 included, uses the stretched width, so that lambdas differ in
nothing but the shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pipelines.arrays import Bools, Float64s
from pipelines.data.splits import Season
from pipelines.fusion.alignment import Shift
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds
from pipelines.fusion.heads import FusedKind
from pipelines.run.progress import Progress
from pipelines.train_config import TrainConfig
from pipelines.training.base import base_of
from pipelines.training.one_error import plainest, within_one_error
from pipelines.training.train import FusedRows, fused_rows, train_fixed, train_gap
from pipelines.weeks import Calendar


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


def head_folds(folds: Folds) -> tuple[HeadFold, ...]:
    """The inner seasons over what a residual starts from."""
    base = base_of(folds)
    return tuple(
        HeadFold(
            fold.season, fold.train, fold.validation, base.calibration.logit(base.logit_before(at))
        )
        for at, fold in enumerate(folds.seasons)
    )


@dataclass(frozen=True)
class SweepPoint:
    """Validation Brier of one lambda on one season, rows with at least one modality.

    Attributes:
        curve: after 0, 1, 2, ... epochs; epoch 0 is the base alone.
    """

    lambda_shift: float
    first_target_week: str
    paired_rows: int
    curve: tuple[float, ...]


@dataclass(frozen=True)
class Tuned:
    """The choice, its reason in words, and the sweep it was read from.

    Attributes:
        epochs: at the chosen lambda; shared by all horizons.
        epochs_of: lambda -> its own best number of epochs.
        refused: the rows cannot carry a choice of lambda; the reason says what is missing.
    """

    lambda_shift: float
    lambda_reason: str
    epochs: int
    sweep: tuple[SweepPoint, ...]
    epochs_of: dict[float, int]
    refused: bool = False

    def lambda_curve(self) -> list[dict[str, Any]]:
        """JSON-able rows for the report.

        `brier` is at the lambda's own best number of epochs, which may be 0; `trained_brier` at
        its best one above 0, so that the curve shows what the shift does even where training
        does not pay.
        """
        return [self._curve_row(point) for point in self.sweep]

    def _curve_row(self, point: SweepPoint) -> dict[str, Any]:
        value = point.lambda_shift
        trained = 1 + best_epochs(_curves(self.sweep, value)[:, 1:])
        return {
            "lambda": value,
            "origin": point.first_target_week,
            "epochs": self.epochs_of[value],
            "brier": point.curve[self.epochs_of[value]],
            "trained_epochs": trained,
            "trained_brier": point.curve[trained],
            "base_brier": point.curve[0],
            "paired_rows": point.paired_rows,
        }


def tune(
    kind: FusedKind, examples: Examples, seasons: Sequence[HeadFold], config: TrainConfig
) -> Tuned:
    """Choose lambda and epochs on the inner seasons of the primary horizon."""
    rows = fused_rows(examples)
    folds = [f for f in seasons if _usable(rows, f)]
    if not folds:
        return Tuned(
            0.0,
            "lambda stays 0: no inner season has rows with an image or a text before and inside it",
            0,
            (),
            {},
        )
    refusal = pairs_refusal(examples, rows, folds, config)
    grid = (0.0,) if refusal else config.lambda_grid
    progress = Progress(f"{kind} sweep, trainings", len(grid) * len(folds))
    sweep = []
    for lambda_shift in grid:
        for fold in folds:
            sweep.append(_point(kind, rows, fold, lambda_shift, config, examples.calendar))
            progress.advance()
    epochs = {value: best_epochs(_curves(sweep, value)) for value in grid}
    chosen, reason = one_standard_error(
        {value: _curves(sweep, value)[:, epochs[value]] for value in grid}
    )
    return Tuned(
        chosen, refusal or reason, epochs[chosen], tuple(sweep), epochs, refusal is not None
    )


def best_epochs(curves: Float64s) -> int:
    """Epochs of the lowest mean over seasons of (seasons, 1 + epochs) curves; the fewest
    of equals."""
    return int(np.argmin(curves.mean(axis=0)))


def one_standard_error(
    scores: dict[float, Float64s], score: str = "Brier", over: str = "seasons"
) -> tuple[float, str]:
    """The lambda nearest 0 that is not worse than the best by more than one standard error.

    Args:
        scores: lambda -> (seasons,) Brier on the same seasons, or another score of which less is
            better, over what `over` says.

    Of two lambdas equally near 0 the better is taken.
    """
    best, _ = within_one_error(scores, abs)
    chosen = plainest(scores, abs)
    if len(scores) == 1:
        return chosen, "lambda stays 0: the grid holds nothing else"
    if chosen == best:
        return chosen, f"lambda {chosen:g}: the best of {len(scores)} on validation"
    seasons = len(scores[best])
    difference = scores[chosen].mean() - scores[best].mean()
    return chosen, (
        f"lambda {chosen:g}: nearest 0 within one standard error of the best, {best:g} "
        f"({score} difference {difference:+.4f} over {seasons} {over})"
    )


def pairs_refusal(
    examples: Examples, rows: FusedRows, folds: list[HeadFold], config: TrainConfig
) -> str | None:
    """Why lambda must stay 0 on these rows, in words; None if it may be chosen.

    Counted are validation rows with both modalities in seasons that also have training pairs:
    without those there is no gap to shift by.
    """
    paired = [
        _in(f.validation, rows) & rows.paired.numpy() for f in folds if _pairs_before(rows, f)
    ]
    seasons = sum(bool(p.any()) for p in paired)
    if seasons < config.inner_origins:
        return (
            f"lambda stays 0: {seasons} inner seasons have rows with both modalities, "
            f"{config.inner_origins} are needed"
        )
    every = np.logical_or.reduce(paired)
    units = len(np.unique(examples.unit_id[rows.at[every]]))
    if every.sum() < config.min_paired_rows:
        return (
            f"lambda stays 0: {int(every.sum())} validation rows have both modalities, "
            f"{config.min_paired_rows} are needed"
        )
    if units < config.min_paired_units:
        return (
            f"lambda stays 0: rows with both modalities come from {units} municipalities, "
            f"{config.min_paired_units} are needed"
        )
    if len(np.unique(rows.label.numpy()[every])) < 2:
        return "lambda stays 0: validation rows with both modalities are of one class only"
    return None


def fold_rows(rows: FusedRows, fold: HeadFold) -> tuple[FusedRows, FusedRows]:
    """Training and validation rows of a fold, over that fold's own log odds of the base."""
    own = rows.with_logit(fold.logit)
    return own.take(_tensor(_in(fold.train, rows))), own.take(_tensor(_in(fold.validation, rows)))


def _point(
    kind: FusedKind,
    rows: FusedRows,
    fold: HeadFold,
    lambda_shift: float,
    config: TrainConfig,
    calendar: Calendar,
) -> SweepPoint:
    train, validation = fold_rows(rows, fold)
    shift = Shift(lambda_shift, train_gap(train))
    trained = train_fixed(kind, train, shift, config, config.max_epochs, validation)
    season = calendar.week_label(fold.season.first_target_week_no)
    return SweepPoint(lambda_shift, season, int(validation.paired.sum()), trained.curve)


def _curves(sweep: Sequence[SweepPoint], lambda_shift: float) -> Float64s:
    """(seasons, 1 + epochs)"""
    return np.array([point.curve for point in sweep if point.lambda_shift == lambda_shift])


def _usable(rows: FusedRows, fold: HeadFold) -> bool:
    return bool(_in(fold.train, rows).any() and _in(fold.validation, rows).any())


def _pairs_before(rows: FusedRows, fold: HeadFold) -> bool:
    return bool((_in(fold.train, rows) & rows.paired.numpy()).any())


def _in(mask: Bools, rows: FusedRows) -> Bools:
    """(M,) of an (N,) mask."""
    return mask[rows.at]


def _tensor(mask: Bools) -> torch.Tensor:
    return torch.from_numpy(np.flatnonzero(mask))
