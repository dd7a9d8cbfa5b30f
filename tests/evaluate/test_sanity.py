"""Bias is judged against its own interval: how often it errs, counted over seeded epidemics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.epidemics import keys, predictions

from pipelines.config import Profile, load_profile
from pipelines.evaluate.sanity import check_sanity
from pipelines.weeks import CDC

TRIALS = 120
CITY_YEARS = (2015, 2016, 2017, 2018)


@pytest.fixture(scope="module")
def gate_profile() -> Profile:
    return load_profile("sample", **{"gate.max_worse_than_prevalence": 0.1})


def _refused(profile: Profile, bias: float, one_city: bool = False) -> int:
    """How many of the seeded tables are called biased, their true bias being `bias`."""
    rows, refused = keys(CITY_YEARS), 0
    for seed in range(TRIALS):
        frame = predictions(rows, {"own": 0.0, "prevalence": 0.09}, np.random.default_rng(seed))
        if one_city:
            frame = frame[frame["unit_id"] == "05001"]
        own, blind = (frame[frame["head"] == name] for name in ("own", "prevalence"))
        shifted = own.assign(probability=own["probability"] + bias)
        refused += _is_biased(shifted, blind, profile)
    return refused


def _is_biased(own: pd.DataFrame, blind: pd.DataFrame, profile: Profile) -> bool:
    found = check_sanity(own, blind, profile.gate, CDC)
    assert found.bias_lower is not None and found.bias_upper is not None
    return any("all of the interval" in problem for problem in found.problems)


def _at_most(level: float) -> int:
    return int(stats.binom.ppf(0.999, TRIALS, level))


def test_an_unbiased_recipe_of_one_city_is_never_refused(gate_profile: Profile) -> None:
    assert _refused(gate_profile, 0.0, one_city=True) == 0


@pytest.mark.parametrize("bias", [0.1, -0.1])
def test_a_bias_of_exactly_the_limit_is_refused_no_more_often_than_stated(
    gate_profile: Profile, bias: float
) -> None:
    assert _refused(gate_profile, bias) <= _at_most((1 - gate_profile.gate.confidence) / 2)


def test_a_bias_of_twice_the_limit_is_refused_nearly_always(gate_profile: Profile) -> None:
    assert _refused(gate_profile, 0.2) >= 0.95 * TRIALS


def test_one_block_of_weeks_has_no_interval_and_is_judged_by_its_mean(
    gate_profile: Profile,
) -> None:
    rows = keys((2018,)).groupby("sample_id", sort=False).first().reset_index().iloc[:130]
    frame = predictions(rows, {"own": 0.0, "prevalence": 0.09}, np.random.default_rng(1))
    own, blind = (frame[frame["head"] == name] for name in ("own", "prevalence"))
    far = own.assign(probability=own["label"] * 0.0 + 0.99)
    found = check_sanity(far, blind, gate_profile.gate, CDC)
    assert found.bias_lower is None
    assert any("away from the outbreak rate" in problem for problem in found.problems)
