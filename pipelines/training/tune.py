"""Choosing lambda and the number of epochs on validation seasons, never on a test year.

What else a profile lets be tuned is chosen before, see settings.py.

Within one sweep every lambda, 0 included, uses the stretched width, so that lambdas differ in
nothing but the shift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.arrays import Float64s
from pipelines.fusion.examples import Examples
from pipelines.fusion.heads import FusedKind
from pipelines.train_config import TrainConfig
from pipelines.training.head_folds import HeadFold, among
from pipelines.training.one_error import plainest, within_one_error
from pipelines.training.rows import FusedRows, fused_rows
from pipelines.training.season_curves import SeasonCurves, best_epochs, best_scores
from pipelines.training.settings import SettingChoice, choose_settings
from pipelines.weeks import Calendar

_NO_SEASON = "lambda stays 0: no inner season has rows with an image or a text before and inside it"


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
        config: the profile's, with the settings that were chosen before lambda.
        refused: the rows cannot carry a choice of lambda; the reason says what is missing.
        choices: of those settings, in their order.
    """

    lambda_shift: float
    lambda_reason: str
    epochs: int
    sweep: tuple[SweepPoint, ...]
    epochs_of: dict[float, int]
    config: TrainConfig
    refused: bool = False
    choices: tuple[SettingChoice, ...] = ()

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
    """Choose settings, lambda and epochs on the inner seasons of the primary horizon."""
    rows = fused_rows(examples)
    folds = [fold for fold in seasons if fold.usable(rows)]
    if not folds:
        return Tuned(0.0, _NO_SEASON, 0, (), {}, config)
    curves = SeasonCurves(kind, rows, folds)
    config, choices = choose_settings(curves, config)
    refusal = pairs_refusal(examples, rows, folds, config)
    grid = (0.0,) if refusal else config.lambda_grid
    made = curves.make([(config, value) for value in grid], "sweep")
    by_lambda = dict(zip(grid, made, strict=True))
    scores = {value: best_scores(own) for value, own in by_lambda.items()}
    chosen, reason = choose_lambda(scores, config.lambda_least_gain)
    epochs = {value: best_epochs(own) for value, own in by_lambda.items()}
    sweep = tuple(_sweep(by_lambda, folds, rows, examples.calendar))
    why, refused = refusal or reason, refusal is not None
    return Tuned(chosen, why, epochs[chosen], sweep, epochs, config, refused, choices)


def _sweep(
    by_lambda: Mapping[float, Float64s],
    folds: Sequence[HeadFold],
    rows: FusedRows,
    calendar: Calendar,
) -> Iterator[SweepPoint]:
    for value, curves in by_lambda.items():
        for fold, curve in zip(folds, curves.tolist(), strict=True):
            season = calendar.week_label(fold.season.first_target_week_no)
            paired = int((among(fold.validation, rows) & rows.paired.numpy()).sum())
            yield SweepPoint(value, season, paired, tuple(curve))


def choose_lambda(scores: dict[float, Float64s], least_gain: float) -> tuple[float, str]:
    """The lambda by one standard error, or 0 where that gains next to nothing; and why.

    Args:
        scores: lambda, 0 among them -> (seasons,) Brier on the same seasons.
        least_gain: share of the Brier at 0 that a shift has to gain.

    Over three seasons the standard error is itself a guess: without this, shifts that all score
    alike are chosen by the seed.
    """
    chosen, reason = one_standard_error(scores)
    plain = scores[0.0].mean()
    gain = float(plain - scores[chosen].mean())
    if chosen == 0.0 or gain >= least_gain * plain:
        return chosen, reason
    return 0.0, (
        f"lambda 0: {chosen:g} gains {gain / plain:.2%} of the Brier score on validation, and "
        f"{least_gain:.0%} is asked before it leaves 0"
    )


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
        among(f.validation, rows) & rows.paired.numpy() for f in folds if _pairs_before(rows, f)
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


def _curves(sweep: Sequence[SweepPoint], lambda_shift: float) -> Float64s:
    """(seasons, 1 + epochs)"""
    return np.array([point.curve for point in sweep if point.lambda_shift == lambda_shift])


def _pairs_before(rows: FusedRows, fold: HeadFold) -> bool:
    return bool((among(fold.train, rows) & rows.paired.numpy()).any())
