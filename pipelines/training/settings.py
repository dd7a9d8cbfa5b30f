"""Choosing learning rate, noise and the weight of L_reg on inner seasons, before lambda.

One after the other and not every combination: the rate first, since at a wrong one no other setting
can be seen; then noise; then L_reg, where a head has the branches that it acts on. Lambda is 0
throughout. Each is chosen by the same rule, towards the value that the profile sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

from pipelines.arrays import Float64s
from pipelines.fusion.heads import has_branches
from pipelines.train_config import TrainConfig
from pipelines.training.one_error import plainest, within_one_error
from pipelines.training.season_curves import SeasonCurves, best_epochs, best_scores

_RATE, _NOISE, _WEIGHT = "learning_rate", "noise_sigma", "alignment_weight"
_NAMES = {_RATE: "learning rate", _NOISE: "noise", _WEIGHT: "weight of L_reg"}


@dataclass(frozen=True)
class Tried:
    """One value of a setting: its own best number of epochs, and the Brier of each inner season
    there, the mean over seeds."""

    value: float
    epochs: int
    brier: tuple[float, ...]


@dataclass(frozen=True)
class SettingChoice:
    """What was chosen for one setting, and why.

    Attributes:
        plain: the profile's own value, taken where nothing is clearly better.
        tried: ascending.
    """

    setting: str
    plain: float
    chosen: float
    reason: str
    seeds: int
    tried: tuple[Tried, ...]

    def to_json(self) -> dict[str, object]:
        """JSON-able, as records keep it."""
        return asdict(self)


def choose_settings(
    curves: SeasonCurves, config: TrainConfig
) -> tuple[TrainConfig, tuple[SettingChoice, ...]]:
    """The configuration with what was chosen, and the choices in their order; as it was if the
    profile tunes nothing."""
    choices = []
    for setting in (_RATE, _NOISE, _WEIGHT):
        if len(config.values_of(setting)) > 1 and _acts(setting, curves):
            choice = _choose(curves, config, setting)
            config = config.model_copy(update={setting: choice.chosen})
            choices.append(choice)
    return config, tuple(choices)


def _acts(setting: str, curves: SeasonCurves) -> bool:
    return setting != _WEIGHT or has_branches(curves.kind)


def _choose(curves: SeasonCurves, config: TrainConfig, setting: str) -> SettingChoice:
    plain, values = float(getattr(config, setting)), config.values_of(setting)
    asked = [(config.model_copy(update={setting: value}), 0.0) for value in values]
    made = dict(zip(values, curves.make(asked, _NAMES[setting]), strict=True))
    scores = {value: best_scores(own) for value, own in made.items()}
    chosen, reason = by_rule(setting, scores, plain)
    tried = [
        Tried(value, best_epochs(own), tuple(map(float, scores[value])))
        for value, own in made.items()
    ]
    return SettingChoice(setting, plain, chosen, reason, config.tuned.seeds, tuple(tried))


def by_rule(setting: str, scores: dict[float, Float64s], plain: float) -> tuple[float, str]:
    """The value nearest the plain one that is not clearly worse than the best, and why.

    Args:
        scores: value -> (seasons,) Brier.
    """
    far = _distance(setting, plain)
    best, _ = within_one_error(scores, far)
    chosen, name = plainest(scores, far), _NAMES[setting]
    if all((own == scores[best]).all() for own in scores.values()):
        return chosen, f"{name} {chosen:g}, the profile's own: no other value makes a difference"
    if chosen == best:
        reason = f"{name} {chosen:g}: the best of {len(scores)} on validation"
    else:
        difference = float((scores[chosen] - scores[best]).mean())
        reason = (
            f"{name} {chosen:g}: nearest the profile's {plain:g} within one standard error of the "
            f"best, {best:g} (Brier difference {difference:+.4f} over {len(scores[best])} seasons)"
        )
    return chosen, reason + _edge(chosen, list(scores))


def _distance(setting: str, plain: float) -> Callable[[float], float]:
    if setting == _RATE:
        return lambda value: abs(math.log(value / plain))
    return lambda value: abs(value - plain)


def _edge(chosen: float, values: list[float]) -> str:
    """What a choice at the end of what was tried leaves open; 0 has nothing below it."""
    if chosen == max(values):
        return "; it is the largest that was tried, and a larger one may be better"
    if chosen == min(values) and chosen > 0:
        return "; it is the smallest that was tried, and a smaller one may be better"
    return ""
