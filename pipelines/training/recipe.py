"""A recipe end to end: tune, fit, validate, calibrate. The same call serves backtest and deploy.

Nothing here reads a target after a cut, and a forecaster is given no row after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.arrays import Bools, Float64s, Int64s
from pipelines.candidate_config import forecaster_kind
from pipelines.config import Profile
from pipelines.contracts import HeadKind
from pipelines.errors import TrainingError
from pipelines.fusion.calibration import choose_platt, decision_threshold
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import (
    Folds,
    Forecaster,
    ForecasterClass,
    OutOfFold,
    Tunes,
    Tuning,
    forecaster_class,
)
from pipelines.fusion.horizon import Calibration, HorizonModel, has_vectors, log_odds
from pipelines.run.progress import Progress
from pipelines.training.inner import LinearFits, LinearStage, linear_stage


@dataclass(frozen=True)
class FittedRecipe:
    """A trained forecaster at every horizon, and how it was chosen.

    Attributes:
        lambda_curve: {lambda, origin, epochs, brier, trained_epochs, trained_brier, linear_brier,
            paired_rows} for each swept lambda and inner season at the primary horizon; see
            tune.Tuned.lambda_curve.
        validation: horizon -> {brier, linear_brier, rows, modality_rows, modality_brier,
            modality_linear_brier}, pooled inner out-of-fold rows, calibrated; null where there are
            no such rows.
    """

    head: HeadKind
    models: dict[int, HorizonModel]
    lambda_shift: float
    lambda_reason: str
    epochs: int
    lambda_curve: list[dict[str, Any]]
    validation: dict[int, dict[str, float | None]]


def train_recipe(
    examples: Mapping[int, Examples],
    head: HeadKind,
    profile: Profile,
    cuts: Mapping[int, int],
    fits: LinearFits | None = None,
) -> FittedRecipe:
    """Train one forecaster at every horizon on targets up to the cuts.

    Args:
        examples: horizon in weeks -> its rows; the primary horizon must be among them if the
            forecaster tunes something there.
        cuts: horizon in weeks -> latest training target week (ordinal).
        fits: linear heads of other cuts of the same table of rows.

    Raises:
        TrainingError: a horizon has no labelled row up to its cut, or the primary one is absent.
    """
    return train_recipes(examples, (head,), profile, cuts, fits)[head]


def train_recipes(
    examples: Mapping[int, Examples],
    heads: Iterable[HeadKind],
    profile: Profile,
    cuts: Mapping[int, int],
    fits: LinearFits | None = None,
) -> dict[HeadKind, FittedRecipe]:
    """The same for several, which share the linear stage; results equal one by one."""
    stages = {h: linear_stage(examples[h], profile, cuts[h], fits) for h in sorted(examples)}
    starts = {h: _Validation.of(stage) for h, stage in stages.items()}
    return {head: _train(head, starts, profile) for head in heads}


@dataclass(frozen=True)
class _Validation:
    """The training rows of a horizon, and the pooled rows of their inner seasons, (V,) each.

    Attributes:
        at: positions in `train`.
        season: index of the inner season.
        linear_logit: before calibration, by linear models that saw no row of the season.
        linear_probability: of the calibrated linear model.
    """

    horizon_weeks: int
    train: Examples
    folds: Folds
    at: Int64s
    season: Int64s
    label: Float64s
    seen: Bools
    linear_logit: Float64s
    linear_probability: Float64s

    @classmethod
    def of(cls, stage: LinearStage) -> _Validation:
        train, folds = stage.for_fit()
        masks = [fold.validation for fold in folds.seasons]
        at = np.concatenate([np.flatnonzero(m) for m in masks] or [np.zeros(0, dtype=np.int64)])
        season = np.repeat(np.arange(len(masks)), [int(m.sum()) for m in masks])
        logits = [fold.linear_logit[fold.validation] for fold in folds.seasons]
        logit = np.concatenate(logits or [np.zeros(0)])
        label = train.label[at].astype(np.float64)
        seen = has_vectors(train)[at]
        linear = Calibration(choose_platt(logit, label, season)).probability(logit, seen)
        return cls(train.horizon_weeks, train, folds, at, season, label, seen, logit, linear)

    def model(self, fitted: Forecaster, logit: Float64s) -> HorizonModel:
        """Calibrate on (V,) out-of-fold log odds and set the decision threshold."""
        draft = HorizonModel(self.horizon_weeks, fitted)
        reads = draft.vector_widths is not None
        start = self.linear_logit if reads else logit
        every = choose_platt(start, self.label, self.season)
        seen = self.seen
        own = (
            choose_platt(logit[seen], self.label[seen], self.season[seen], every) if reads else None
        )
        calibration = Calibration(every, own)
        threshold = decision_threshold(calibration.probability(logit, seen), self.label)
        return HorizonModel(self.horizon_weeks, fitted, calibration, threshold)


def _train(head: HeadKind, starts: Mapping[int, _Validation], profile: Profile) -> FittedRecipe:
    kind = forecaster_class(head)
    tuning = _tuned(head, kind, starts, profile)
    models, validation = {}, {}
    progress = Progress(f"{head}, horizons", len(starts))
    for horizon, start in starts.items():
        fitted = kind.fit(start.train, start.folds, tuning.config)
        logit = _out_of_fold(kind, start, tuning.config)[start.at]
        models[horizon] = start.model(fitted, logit)
        own = models[horizon].calibration.probability(logit, start.seen)
        validation[horizon] = _scores(own, start)
        progress.advance()
    return FittedRecipe(
        head,
        models,
        tuning.lambda_shift,
        tuning.lambda_reason,
        tuning.epochs,
        tuning.lambda_curve,
        validation,
    )


def _tuned(
    head: HeadKind, kind: ForecasterClass, starts: Mapping[int, _Validation], profile: Profile
) -> Tuning:
    """What is chosen at the primary horizon for all of them."""
    settings = forecaster_kind(head).settings
    config = (
        profile.train
        if settings is None
        else settings.model_validate(profile.train.candidate(head).settings)
    )
    if not isinstance(kind, Tunes):
        return Tuning(config, lambda_reason=f"the {head} head reads no vectors")
    primary = profile.evaluate.primary_horizon_weeks
    if primary not in starts:
        raise TrainingError(
            f"the primary horizon, {primary} weeks, has no rows",
            where=f"head {head}",
            fix="build samples for it; lambda and epochs are chosen there",
        )
    return kind.tune(starts[primary].train, starts[primary].folds, config)


def _out_of_fold(kind: ForecasterClass, start: _Validation, config: Any) -> Float64s:
    """(N,) log odds of inner seasons by models that saw no row of them, NaN elsewhere."""
    if isinstance(kind, OutOfFold):
        return kind.out_of_fold(start.train, start.folds, config)
    out = np.full(len(start.train), np.nan)
    for fold in start.folds.seasons:
        own = Folds(fold.linear, fold.linear_logit[fold.train])
        fitted = kind.fit(start.train.take(fold.train), own, config)
        out[fold.validation] = log_odds(fitted, start.train.take(fold.validation))
    return out


def _scores(own: Float64s, start: _Validation) -> dict[str, float | None]:
    seen, label, linear = start.seen, start.label, start.linear_probability
    return {
        "rows": float(len(own)),
        "brier": _brier(own, label),
        "linear_brier": _brier(linear, label),
        "modality_rows": float(seen.sum()),
        "modality_brier": _brier(own[seen], label[seen]),
        "modality_linear_brier": _brier(linear[seen], label[seen]),
    }


def _brier(probability: Float64s, label: Float64s) -> float | None:
    return float(np.mean((probability - label) ** 2)) if len(label) else None
