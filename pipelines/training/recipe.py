"""A recipe end to end: tune, validate, calibrate, refit. The same call serves backtest and deploy.

Belongs here: the order of these stages for one head, or for several that share the linear stage.
Does not belong here: the cuts (data/splits.py decides, the caller passes them) and any test row:
nothing here reads a target after a cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pipelines.config import Profile, TrainConfig
from pipelines.contracts import HeadKind
from pipelines.errors import TrainingError
from pipelines.fusion.alignment import Shift
from pipelines.fusion.calibration import Platt, choose_platt, decision_threshold
from pipelines.fusion.examples import Examples
from pipelines.fusion.heads import FusedKind
from pipelines.fusion.model import FusedModel, HorizonModel
from pipelines.run.progress import Progress
from pipelines.training.inner import LinearStage, linear_stage
from pipelines.training.train import FusedRows, fused_rows, train_fixed, train_gap
from pipelines.training.tune import Tuned, fold_rows, tune

Doubles = npt.NDArray[np.float64]
_LINEAR = Tuned(0.0, "the linear head reads no vectors", 0, (), {})


@dataclass(frozen=True)
class FittedRecipe:
    """A trained head at every horizon, and how it was chosen.

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
    examples: Mapping[int, Examples], head: HeadKind, profile: Profile, cuts: Mapping[int, int]
) -> FittedRecipe:
    """Train one head at every horizon on targets up to the cuts.

    Args:
        examples: horizon in weeks -> its rows; the primary horizon must be among them if the head
            is a fused one.
        cuts: horizon in weeks -> latest training target week (ordinal).

    Raises:
        TrainingError: a horizon has no labelled row up to its cut, or the primary one is absent.
    """
    return train_recipes(examples, (head,), profile, cuts)[head]


def train_recipes(
    examples: Mapping[int, Examples],
    heads: Iterable[HeadKind],
    profile: Profile,
    cuts: Mapping[int, int],
) -> dict[HeadKind, FittedRecipe]:
    """The same for several heads, which share the linear stage; results equal one by one."""
    stages = {h: linear_stage(examples[h], profile, cuts[h]) for h in sorted(examples)}
    linear = {h: _linear_model(stage) for h, stage in stages.items()}
    return {head: _train_head(head, stages, linear, profile) for head in heads}


@dataclass(frozen=True)
class _Validated:
    """A model and its pooled inner out-of-fold rows, (V,) each.

    Attributes:
        at: positions in the horizon's Examples.
        season: index of the inner season.
        logit: before calibration, by models that saw no row of the season.
        has_any: rows with at least one modality.
    """

    model: HorizonModel
    at: npt.NDArray[np.int64]
    season: npt.NDArray[np.int64]
    label: Doubles
    logit: Doubles
    has_any: npt.NDArray[np.bool_]

    def probability(self) -> Doubles:
        """(V,) calibrated as the model would."""
        tabular = self.model.calibrator.probability(self.logit)
        if self.model.fused is None:
            return tabular
        return np.where(self.has_any, self.model.fused.calibrator.probability(self.logit), tabular)


def _train_head(
    head: HeadKind,
    stages: Mapping[int, LinearStage],
    linear: Mapping[int, _Validated],
    profile: Profile,
) -> FittedRecipe:
    tuned, fitted = _LINEAR, dict(linear)
    if head != "linear":
        primary = profile.evaluate.primary_horizon_weeks
        if primary not in stages:
            raise TrainingError(f"the primary horizon, {primary} weeks, has no rows", where=f"head {head}", fix="build samples for it; lambda and epochs are chosen there")  # fmt: skip
        tuned = tune(head, stages[primary], profile.train)
        if tuned.epochs:  # epoch 0 is the linear head itself
            progress = Progress(f"{head} head, horizons", len(stages))
            for horizon, stage in stages.items():
                fitted[horizon] = _fused_model(head, stage, linear[horizon], tuned, profile.train)
                progress.advance()
    return FittedRecipe(
        head,
        {h: v.model for h, v in fitted.items()},
        tuned.lambda_shift if tuned.epochs else 0.0,
        _reason(head, tuned),
        tuned.epochs,
        tuned.lambda_curve(),
        {h: _scores(fitted[h], linear[h]) for h in stages},
    )


def _reason(head: HeadKind, tuned: Tuned) -> str:
    if head == "linear" or tuned.epochs or not tuned.sweep:
        return tuned.lambda_reason
    own = f"no epoch of the {head} head is better than its linear start on validation, so the linear logit serves"
    # A refusal to tune says more than that lambda would not have mattered.
    return f"{tuned.lambda_reason}; {own}" if tuned.refused else f"lambda is 0: {own}"


def _linear_model(stage: LinearStage) -> _Validated:
    """Calibrate the linear head on its out-of-fold seasons and set its decision threshold."""
    masks = [f.validation for f in stage.folds]
    at = np.concatenate([np.flatnonzero(m) for m in masks] or [np.zeros(0, dtype=np.int64)])
    season = np.repeat(np.arange(len(masks)), [int(m.sum()) for m in masks])
    logits = [f.linear_logit[f.validation] for f in stage.folds]
    logit = np.concatenate(logits or [np.zeros(0)])
    label = stage.examples.label[at].astype(np.float64)
    calibrator = choose_platt(logit, label, season)
    has_any = (stage.examples.image.mask | stage.examples.text.mask)[at]
    threshold = decision_threshold(calibrator.probability(logit), label)
    model = HorizonModel(stage.examples.horizon_weeks, stage.linear, None, calibrator, threshold)
    return _Validated(model, at, season, label, logit, has_any)


def _fused_model(
    kind: FusedKind, stage: LinearStage, linear: _Validated, tuned: Tuned, config: TrainConfig
) -> _Validated:
    """Out-of-fold logits by a head before each season, calibration, then the refit up to the cut."""
    rows = fused_rows(stage.examples)
    of_row = dict(zip(linear.at.tolist(), range(len(linear.at)), strict=True))
    logit = linear.logit.copy()
    for fold in stage.folds:
        train, validation = fold_rows(rows, fold)
        if not len(train) or not len(validation):
            continue
        trained = train_fixed(kind, train, Shift(tuned.lambda_shift, train_gap(train)), config, tuned.epochs, validation)  # fmt: skip
        logit[[of_row[i] for i in validation.at.tolist()]] = trained.watched_logit[-1][:, 0]
    calibrator = _fused_calibrator(linear, logit)
    chosen = np.flatnonzero(stage.train[rows.at])
    everything = rows.with_logit(stage.linear_logit).take(torch.from_numpy(chosen))
    fused = _refit(kind, stage, everything, tuned, config, calibrator)
    draft = replace(linear, model=replace(linear.model, fused=fused), logit=logit)
    threshold = decision_threshold(draft.probability(), draft.label)
    return replace(draft, model=replace(draft.model, decision_threshold=threshold))


def _fused_calibrator(linear: _Validated, logit: Doubles) -> Platt:
    """Of rows with a modality; the linear head's unless another is better on held-out seasons."""
    has = linear.has_any
    return choose_platt(logit[has], linear.label[has], linear.season[has], linear.model.calibrator)


def _refit(
    kind: FusedKind,
    stage: LinearStage,
    rows: FusedRows,
    tuned: Tuned,
    config: TrainConfig,
    calibrator: Platt,
) -> FusedModel:
    gap = train_gap(rows)
    state = train_fixed(kind, rows, Shift(tuned.lambda_shift, gap), config, tuned.epochs).state
    return FusedModel(
        kind=kind,
        image_width=stage.examples.image.width,
        text_width=stage.examples.text.width,
        width=rows.image.shape[1],
        lambda_shift=tuned.lambda_shift,
        gap=gap.numpy(),
        state=state,
        calibrator=calibrator,
    )


def _scores(fitted: _Validated, linear: _Validated) -> dict[str, float | None]:
    has = fitted.has_any
    own, start = fitted.probability(), linear.probability()
    return {
        "rows": float(len(own)),
        "brier": _brier(own, fitted.label),
        "linear_brier": _brier(start, fitted.label),
        "modality_rows": float(has.sum()),
        "modality_brier": _brier(own[has], fitted.label[has]),
        "modality_linear_brier": _brier(start[has], fitted.label[has]),
    }


def _brier(probability: Doubles, label: Doubles) -> float | None:
    return float(np.mean((probability - label) ** 2)) if len(label) else None
