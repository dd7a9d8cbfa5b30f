"""Choosing rate, lambda, noise and weight of L_reg on validation scores over seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from pipelines.arrays import Float64s
from pipelines.encoder_config import Frozen
from pipelines.paper.config import TunedConfig
from pipelines.training.one_error import within_one_error

Part = Literal["learning_rate", "lambda_shift", "noise_sigma", "alignment_weight"]
ORDER: tuple[Part, ...] = ("learning_rate", "lambda_shift", "noise_sigma", "alignment_weight")


class Setting(Frozen):
    """What is tuned of one training."""

    learning_rate: float
    lambda_shift: float = 0.0
    noise_sigma: float = 0.0
    alignment_weight: float = 0.0

    def away(self, plain: Setting) -> float:
        """How far from the plain setting: how many values differ, plus a share of one for how
        much."""
        rates = abs(float(np.log10(self.learning_rate / plain.learning_rate)))
        others = [abs(float(getattr(self, part))) for part in ORDER[1:]]
        much = rates + sum(others)
        return (rates > 0) + sum(value > 0 for value in others) + much / (1 + much)


# Validation scores (S,) of a setting over the seeds, more is better.
Score = Callable[[Setting], Float64s]


@dataclass(frozen=True)
class Choice:
    """What was chosen and why.

    Attributes:
        tried: settings that were scored for it.
        gain: mean validation score above that of the setting that the search began with.
    """

    setting: Setting
    reason: str
    tried: int
    gain: float


def choose(scores: Mapping[Setting, Float64s], plain: Setting, rule: str) -> tuple[Setting, str]:
    """The setting that a rule takes, and its reason.

    "best": the highest mean; "one_standard_error": the plainest that is not below the best by more
    than one standard error of the paired difference over seeds.
    """
    lost = {one: 1.0 - score for one, score in scores.items()}
    best, within = within_one_error(lost, lambda one: one.away(plain))
    kept = within if rule == "one_standard_error" else [best]
    chosen = min(kept, key=lambda one: (one.away(plain), lost[one].mean()))
    if chosen == best:
        return chosen, f"the best of {len(scores)} on validation"
    behind = lost[chosen].mean() - lost[best].mean()
    return chosen, f"the plainest within one standard error of the best ({behind:.4f} below it)"


def search(plain: Setting, parts: tuple[Part, ...], score: Score, config: TunedConfig) -> Choice:
    """Tune the named parts from a plain setting, one after another or every combination."""
    if config.search == "joint":
        return _stage(plain, plain, parts, score, config)
    setting, reasons, tried = plain, [], 0
    for part in parts:
        stage = _stage(setting, plain, (part,), score, config)
        setting, tried = stage.setting, tried + stage.tried
        reasons.append(f"{part} {getattr(setting, part):g}: {stage.reason}")
    gain = float(score(setting).mean() - score(plain).mean())
    return Choice(setting, "; ".join(reasons), tried, gain)


def _stage(
    start: Setting, plain: Setting, parts: tuple[Part, ...], score: Score, config: TunedConfig
) -> Choice:
    grids = [getattr(config, part) for part in parts]
    tried = [
        start.model_copy(update=dict(zip(parts, values, strict=True))) for values in product(*grids)
    ]
    scores = {setting: score(setting) for setting in tried}
    chosen, reason = choose(scores, plain, config.rule)
    gain = float(scores[chosen].mean() - score(start).mean())
    return Choice(chosen, reason, len(tried), gain)
