"""Whether a recipe's probabilities can be let out at all, whatever they are compared with.

Bias is judged against its own interval. Weeks of one epidemic go up and down together, so the mean
probability of one city over a few years lies 0.1 beside its outbreak rate by chance alone; a fixed
limit refuses most single cities and nearly no nation. A recipe is called biased only if the whole
interval of mean(probability - label), from whole calendar blocks as in bootstrap.py, lies beyond
the limit: one whose true bias is exactly the limit is refused in at most (1 - confidence) / 2 of
cases.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.config import GateConfig
from pipelines.evaluate.bootstrap import mean_interval
from pipelines.evaluate.decision import Sanity
from pipelines.evaluate.metrics import brier, finite
from pipelines.weeks import Calendar


def check_sanity(
    own: pd.DataFrame, blind: pd.DataFrame, gate: GateConfig, calendar: Calendar
) -> Sanity:
    """Finite; not worse than prevalence by more than a margin; not biased beyond a limit.

    Args:
        own: a recipe's rows at one horizon: all of them must be finite, and the benchmark's rows
            are those that are scored.
        blind: the prevalence baseline's rows at that horizon.
    """
    bad = int((~_within_unit(own["probability"])).sum())
    judged, blind = own[own["in_benchmark"]], blind[blind["in_benchmark"]]
    label, probability = (
        judged["label"].to_numpy(np.float64),
        judged["probability"].to_numpy(np.float64),
    )
    score = brier(label, probability)
    score_blind = brier(
        blind["label"].to_numpy(np.float64), blind["probability"].to_numpy(np.float64)
    )
    mean, rate = finite(float(np.mean(probability))), finite(float(np.mean(label)))
    problems = [f"{bad} probabilities are not numbers within 0 and 1"] if bad else []
    bias = (
        None
        if mean is None or rate is None
        else mean_interval(judged, probability - label, gate, calendar)
    )
    problems += _worse_than_blind(score, score_blind, gate) + _biased(mean, rate, bias, gate)
    lower, upper = bias or (None, None)
    return Sanity(score, score_blind, mean, rate, tuple(problems), lower, upper)


def one_class(own: pd.DataFrame) -> str:
    """Why nothing can be told apart on these rows; "" where they hold weeks of both classes."""
    if own["label"].nunique() > 1:
        return ""
    years = ", ".join(map(str, sorted(own["test_year"].unique())))
    what = "an outbreak" if own["label"].iloc[0] == 1 else "no outbreak"
    return (
        f"The test years ({years}) hold one class only: each of their {len(own)} unit-weeks is "
        f"{what}, so that no model can be told from another."
    )


def _within_unit(probability: pd.Series) -> pd.Series:
    return probability.between(0.0, 1.0)  # False for NaN


def _worse_than_blind(score: float | None, blind: float | None, gate: GateConfig) -> list[str]:
    if score is None or blind is None:
        return ["the Brier score could not be computed"]
    if score - blind > gate.max_worse_than_prevalence:
        return [
            f"Brier {score:.3f} is worse than prevalence ({blind:.3f}) by more than "
            f"{gate.max_worse_than_prevalence}"
        ]
    return []


def _biased(
    mean: float | None, rate: float | None, bias: tuple[float, float] | None, gate: GateConfig
) -> list[str]:
    if mean is None or rate is None:
        return ["the mean probability could not be computed"]
    lower, upper = bias or (mean - rate, mean - rate)  # one block has no interval
    if lower < gate.max_mean_bias and upper > -gate.max_mean_bias:
        return []
    return [
        f"the mean probability {mean:.3f} is away from the outbreak rate {rate:.3f}: all of the "
        f"interval {lower:+.3f} to {upper:+.3f} of their difference is {gate.max_mean_bias} or "
        "more from 0"
    ]
