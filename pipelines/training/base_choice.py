"""Which tabular forecaster the fused heads of a recipe start from, chosen on inner seasons.

Fusion that beats the linear model and not the trees beside it has shown nothing: a head has to add
to the best that covariates alone can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipelines.arrays import Float64s
from pipelines.config import Profile
from pipelines.contracts import LINEAR, HeadKind
from pipelines.fusion.forecaster import Base, Forecaster, Tuning, forecaster_class
from pipelines.training.base import FittedBase, LinearBase
from pipelines.training.one_error import within_one_error
from pipelines.training.start import Start, out_of_fold
from pipelines.training.tuned import tuned


@dataclass(frozen=True)
class BaseChoice:
    """The forecaster that heads start from, and why.

    Attributes:
        brier: name -> Brier of each inner season at the primary horizon, oldest first, out of fold
            and calibrated; empty where there was nothing to choose.
    """

    kind: HeadKind
    reason: str
    brier: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """JSON-able, as records keep it."""
        return {
            "kind": self.kind,
            "reason": self.reason,
            "brier": {name: list(own) for name, own in self.brier.items()},
        }


class TabularFits:
    """Forecasters that read no vectors: tuned once, and fitted once a horizon, whether they are
    asked for as candidates or as what heads start from."""

    def __init__(self, starts: Mapping[int, Start], profile: Profile) -> None:
        self.starts, self.profile = starts, profile
        self._tunings: dict[HeadKind, Tuning] = {}
        self._fitted: dict[tuple[HeadKind, int], Forecaster] = {}
        self._logits: dict[tuple[HeadKind, int], Float64s] = {}

    def tuning(self, name: HeadKind) -> Tuning:
        """What the forecaster chose at the primary horizon for all of them."""
        if name not in self._tunings:
            self._tunings[name] = tuned(name, self.starts, self.profile)
        return self._tunings[name]

    def fitted(self, name: HeadKind, horizon: int) -> Forecaster:
        """It, on all training rows of a horizon."""
        if (name, horizon) not in self._fitted:
            start, config = self.starts[horizon], self.tuning(name).config
            self._fitted[name, horizon] = forecaster_class(name).fit(
                start.train, start.folds, config
            )
        return self._fitted[name, horizon]

    def out_of_fold(self, name: HeadKind, horizon: int) -> Float64s:
        """(N,) its log odds of the inner seasons of a horizon, NaN elsewhere."""
        if (name, horizon) not in self._logits:
            start, config = self.starts[horizon], self.tuning(name).config
            self._logits[name, horizon] = out_of_fold(forecaster_class(name), start, config)
        return self._logits[name, horizon]

    def base(self, name: HeadKind, horizon: int) -> Base:
        """It, as what a residual starts from."""
        start = self.starts[horizon]
        if name == LINEAR:
            return LinearBase(start.folds)
        logit = self.out_of_fold(name, horizon)
        return FittedBase(
            name,
            self.fitted(name, horizon),
            logit,
            start.tabular(logit[start.at]).every,
            forecaster_class(name),
            self.tuning(name).config,
            start.train,
            start.folds,
        )


def choose_base(fits: TabularFits) -> BaseChoice:
    """The best by Brier over the inner seasons of the primary horizon; the linear model where it is
    within one standard error of that."""
    train = fits.profile.train
    others = [candidate.kind for candidate in train.bases]
    if not others:
        fixed = train.base == LINEAR
        why = "the profile asks for it" if fixed else "no other candidate reads covariates alone"
        return BaseChoice(LINEAR, f"linear: {why}")
    primary = fits.profile.evaluate.primary_horizon_weeks
    start = fits.starts[primary]
    if not len(start.at):
        return BaseChoice(LINEAR, "linear: there is no inner season to compare forecasters on")
    scores = {
        name: start.season_briers(fits.out_of_fold(name, primary)[start.at])
        for name in (LINEAR, *others)
    }
    best, within = within_one_error(scores, lambda name: name != LINEAR)
    chosen = LINEAR if LINEAR in within else best
    kept = {name: tuple(map(float, own)) for name, own in scores.items()}
    return BaseChoice(chosen, _reason(chosen, best, scores), kept)


def _reason(chosen: str, best: str, scores: Mapping[str, Float64s]) -> str:
    seasons = len(scores[best])
    if chosen == best:
        return f"{chosen}: the best of {len(scores)} on validation, over {seasons} seasons"
    difference = float(np.mean(scores[chosen] - scores[best]))
    return (
        f"{chosen}: within one standard error of the best, {best} "
        f"(Brier difference {difference:+.4f} over {seasons} seasons)"
    )
