"""A recipe end to end: tune, fit, validate, calibrate. The same call serves backtest and deploy.

Nothing here reads a target after a cut, and a forecaster is given no row after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from pipelines.arrays import Float64s
from pipelines.candidate_config import forecaster_kind
from pipelines.config import Profile
from pipelines.contracts import HeadKind
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Forecaster, Tuning, forecaster_class
from pipelines.fusion.horizon import HorizonModel
from pipelines.run.progress import Progress
from pipelines.training.base_choice import BaseChoice, TabularFits, choose_base
from pipelines.training.inner import LinearFits, linear_stages
from pipelines.training.start import Start, out_of_fold
from pipelines.training.tuned import require_primary, tuned


@dataclass(frozen=True)
class FittedRecipe:
    """A trained forecaster at every horizon, and how it was chosen.

    Attributes:
        lambda_curve: {lambda, origin, epochs, brier, trained_epochs, trained_brier, linear_brier,
            paired_rows} for each swept lambda and inner season at the primary horizon; see
            tune.Tuned.lambda_curve.
        validation: horizon -> {brier, linear_brier, rows, modality_rows, modality_brier,
            modality_linear_brier}, pooled inner out-of-fold rows, calibrated; null where there are
            no such rows. A head on another base has base_brier and modality_base_brier too.
        base: what a residual starts from; None of a forecaster that reads no vectors.
        settings: what was tried for each setting that the profile tunes, see training/settings.py.
    """

    head: HeadKind
    models: dict[int, HorizonModel]
    lambda_shift: float
    lambda_reason: str
    epochs: int
    lambda_curve: list[dict[str, Any]]
    validation: dict[int, dict[str, float | None]]
    base: BaseChoice | None = None
    settings: list[dict[str, object]] = field(default_factory=list)


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
    """The same for several, which share the linear stage and every base; results equal one by
    one."""
    recipes = Recipes.over(examples, profile, cuts, fits)
    return {head: recipes.train(head) for head in heads}


class Recipes:
    """Recipes over the same rows; what heads start from is chosen when the first one asks."""

    def __init__(self, tabular: TabularFits) -> None:
        self._tabular, self._profile = tabular, tabular.profile

    @classmethod
    def over(
        cls,
        examples: Mapping[int, Examples],
        profile: Profile,
        cuts: Mapping[int, int],
        fits: LinearFits | None = None,
    ) -> Recipes:
        """With the linear stage of every horizon fitted; arguments as of train_recipe."""
        stages = linear_stages(examples, profile, cuts, fits)
        starts = {h: Start.of(stage) for h, stage in stages.items()}
        return cls(TabularFits(starts, profile))

    def train(self, head: HeadKind) -> FittedRecipe:
        """One forecaster at every horizon. Raises TrainingError as train_recipe does."""
        if not forecaster_kind(head).reads_vectors:
            made = self._tabular
            fit, logit = partial(made.fitted, head), partial(made.out_of_fold, head)
            return _fitted(head, made.tuning(head), made.starts, fit, logit)
        require_primary(head, self._tabular.starts, self._profile.evaluate.primary_horizon_weeks)
        kind, starts = forecaster_class(head), self._over_base
        tuning = tuned(head, starts, self._profile)

        def fit_head(horizon: int) -> Forecaster:
            start = starts[horizon]
            return kind.fit(start.train, start.folds, tuning.config)

        def logit_of_head(horizon: int) -> Float64s:
            return out_of_fold(kind, starts[horizon], tuning.config)

        made_head = _fitted(head, tuning, starts, fit_head, logit_of_head)
        return replace(made_head, base=self._base, settings=tuning.settings)

    @cached_property
    def _base(self) -> BaseChoice:
        return choose_base(self._tabular)

    @cached_property
    def _over_base(self) -> dict[int, Start]:
        kind, made = self._base.kind, self._tabular
        return {h: start.over(made.base(kind, h)) for h, start in made.starts.items()}


def _fitted(
    head: HeadKind,
    tuning: Tuning,
    starts: Mapping[int, Start],
    fit: Callable[[int], Forecaster],
    logit_of: Callable[[int], Float64s],
) -> FittedRecipe:
    models, validation = {}, {}
    progress = Progress(f"{head}, horizons", len(starts))
    for horizon, start in starts.items():
        fitted, logit = fit(horizon), logit_of(horizon)[start.at]
        models[horizon] = start.model(fitted, logit)
        own = models[horizon].calibration.probability(logit, start.seen)
        validation[horizon] = start.scores(own)
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
