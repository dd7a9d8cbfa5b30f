"""What the gate's interval promises, counted over 100 seeded epidemics a promise, and 200 where it
is slow.

The stated level: every bound is one side of a two-sided interval at `confidence`, so a recipe that
is worse than the champion by exactly the margin is promoted, and a fused head that is only noise
away from the linear one wins, in at most (1 - confidence) / 2 = 2.5 % of cases; trying two fused
heads doubles that at most. A rate of 1 in 5 is seen in 100 epidemics nearly always, one of 1 in 7
in 200. A change that is truly nothing is within the margin and may be promoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from support.epidemics import YEARS, keys, predictions

from pipelines.config import Profile, load_profile
from pipelines.evaluate.decision import Candidate, Champion, Decision
from pipelines.evaluate.gate import decide

NOISE = 0.004  # mean square of an error; two such recipes differ by +-0.003 over 20 blocks
BASELINES = {"prevalence": 0.09, "persistence_calibrated": 0.06}
LINEAR = Candidate("linear", "bundle-new", "recipe-new", "2018-w48")
EARLY = Candidate("early", "bundle-early", "recipe-early", "2018-w48")
LATE = Candidate("late_joint", "bundle-late", "recipe-late", "2018-w48")


@pytest.fixture(scope="module", params=[100, pytest.param(200, marks=pytest.mark.slow)])
def trials(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def one_horizon() -> Profile:
    return load_profile("sample", **{"evaluate.horizons_weeks": (4,)})


def _decisions(
    profile: Profile,
    candidates: Sequence[Candidate],
    excess: Mapping[str, float],
    trials: int,
    years: Sequence[int] = YEARS,
) -> list[Decision]:
    """One decision a seed against a champion of another recipe, whose expected excess is NOISE."""
    rows, found = keys(years), []
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        frame = predictions(rows, {**excess, **BASELINES, "old": NOISE}, rng)
        own: pd.DataFrame = frame[frame["head"] == "old"].assign(head="linear")
        champion = Champion("linear", "b-old", "recipe-old", "2018-w40", "3", predictions=own)
        found.append(decide(frame[frame["head"] != "old"], candidates, champion, profile))
    assert not any("could not be made" in d.reasons[-1] for d in found)
    return found


def _promoted(found: Sequence[Decision]) -> int:
    return sum(d.decision == "promote" for d in found)


def _at_most(level: float, trials: int) -> int:
    """Successes that so many trials at this level exceed once in a thousand times."""
    return int(stats.binom.ppf(0.999, trials, level))


@pytest.mark.parametrize(("years", "margins"), [(YEARS, 2), (YEARS[1:], 3)])
def test_a_recipe_worse_by_a_planted_amount_is_never_promoted(
    one_horizon: Profile, trials: int, years: Sequence[int], margins: int
) -> None:
    """Twice the margin over 20 blocks; over 16, the fewest allowed, that slips through 1
    in 3000."""
    worse = {"linear": NOISE + margins * one_horizon.gate.margin_brier}
    assert _promoted(_decisions(one_horizon, [LINEAR], worse, trials // 2, years)) == 0


def test_a_recipe_worse_by_exactly_the_margin_is_promoted_no_more_often_than_stated(
    one_horizon: Profile, trials: int
) -> None:
    at_the_margin = {"linear": NOISE + one_horizon.gate.margin_brier}
    found = _decisions(one_horizon, [LINEAR], at_the_margin, trials)
    assert _promoted(found) <= _at_most((1 - one_horizon.gate.confidence) / 2, trials)


def test_a_recipe_that_is_truly_better_is_promoted_nearly_always(
    one_horizon: Profile, trials: int
) -> None:
    assert _promoted(_decisions(one_horizon, [LINEAR], {"linear": 0.0}, trials)) >= 0.95 * trials


@pytest.fixture(scope="module")
def noise(one_horizon: Profile, trials: int) -> list[Decision]:
    """Champion, linear and both fused heads of one expected Brier score."""
    equal = dict.fromkeys(("linear", "early", "late_joint"), NOISE)
    return _decisions(one_horizon, [LINEAR, EARLY, LATE], equal, trials)


def test_by_the_mean_alone_noise_would_win_half_the_time(noise: list[Decision]) -> None:
    means = [d.comparisons[0].interval.mean for d in noise]
    assert 0.35 * len(noise) < sum(mean < 0 for mean in means) < 0.65 * len(noise)


def test_a_fused_head_that_is_only_noise_wins_no_more_often_than_stated(
    noise: list[Decision],
) -> None:
    for nth in (0, 1):
        assert sum(d.comparisons[nth].passed for d in noise) <= _at_most(0.025, len(noise))
    assert sum(d.head != "linear" for d in noise) <= _at_most(0.05, len(noise))


def test_a_change_that_is_only_noise_is_called_better_no_more_often_than_stated(
    noise: list[Decision],
) -> None:
    plain = [d for d in noise if d.head == "linear"]
    assert sum(d.comparisons[-1].superior for d in plain) <= _at_most(0.025, len(noise))


def test_noise_is_promoted_only_where_the_margin_is_excluded(
    noise: list[Decision], one_horizon: Profile
) -> None:
    for found in noise:
        within = found.comparisons[-1].interval.upper < one_horizon.gate.margin_brier
        assert (found.decision == "promote") == within
