"""What the gate promises of a challenger of a champion, counted over 200 made pools a promise
(slow), or a few.

Rolling origins and both questions to the newest weeks together, in pools whose weeks vary as much
as the real table's (pool_world.py). Worse and better are planted: 0.01 Brier on the pool. What each
test does alone is counted too, because the whole is only as good as what would remain if one of
them were blind.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.pool_world import (
    BACKTESTED,
    HONEST_MOVES,
    PLANTED,
    SD_OF_A_WEEK,
    SPOILED_MOVE,
    UNITS,
    Array,
    Pool,
    decided,
    near,
)

from pipelines.config import Profile, load_profile
from pipelines.evaluate.decision import Candidate, Champion, Decision
from pipelines.evaluate.refit_changes import PastChanges

WEEKS = 8
COUNTED = pytest.mark.parametrize(
    "trials", [6, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
NEW = Candidate("linear", "bundle-new", "recipe-new", "2018-w52")
OLD = Champion("linear", "bundle-old", "recipe-old", "2018-w51", "3")
REFIT = Candidate("linear", "bundle-new", "recipe-old", "2018-w52")
HONEST = PastChanges(np.array(HONEST_MOVES), 1.6 * np.array(HONEST_MOVES))


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(
        "sample", **{"evaluate.horizons_weeks": (4,), "evaluate.municipalities": None}
    )


def _another_recipe(profile: Profile, pool: Pool, new: Array, old: Array, week: int) -> Decision:
    """A challenger of another recipe, whose refits of the newest weeks err as its backtest does."""
    own, theirs = pool.table(new, "linear"), pool.table(old, "linear")
    champion = Champion(**{**vars(OLD), "predictions": theirs})
    far = np.abs(new[:BACKTESTED] - old[:BACKTESTED])
    past = PastChanges(np.sqrt((far**2).mean(axis=1)), far.max(axis=1))
    tables = [own, _prevalence(pool)]
    at = len(pool.truth) - WEEKS + week - 1
    return decided(
        profile,
        NEW,
        champion,
        tables,
        pool.recent(new, old, week=at + 1 - BACKTESTED),
        (old[at], new[at]),
        past,
    )


def _same_recipe(
    profile: Profile, pool: Pool, new: Array, then: Array, week: tuple[Array, Array]
) -> Decision:
    """A refit of the champion's recipe: rolling origins say nothing by construction."""
    tables = [pool.table(then, "linear"), _prevalence(pool)]
    return decided(profile, REFIT, OLD, tables, pool.recent(new, then, week=52), week, HONEST)


def _prevalence(pool: Pool) -> pd.DataFrame:
    return pool.table(np.full_like(pool.truth, pool.label.mean()), "prevalence")


def _log_share(what: str, counted: int, of: int) -> None:
    print(f"{what}: {counted} of {of}")  # noqa: T201


def test_the_made_weeks_vary_at_least_as_much_as_the_real_pools() -> None:
    means = []
    for seed in range(20):
        pool = Pool(np.random.default_rng(seed))
        worse, right = pool.recipe(PLANTED), pool.recipe(0.0)
        means.append(((worse - pool.label) ** 2 - (right - pool.label) ** 2).mean(axis=1))
    assert np.mean([own.std() for own in means]) >= SD_OF_A_WEEK
    assert np.std([own[-52:].mean() for own in means]) >= 0.003
    assert np.mean(means) == pytest.approx(PLANTED, abs=0.001)


@COUNTED
def test_a_worse_recipe_is_never_promoted_and_a_better_one_within_eight_weeks(
    profile: Profile, trials: int
) -> None:
    worse = better = first = blind_rolling = 0
    for seed in range(trials):
        pool = Pool(np.random.default_rng(seed))
        right, wrong = pool.recipe(0.0), pool.recipe(PLANTED)
        found = _another_recipe(profile, pool, wrong, right, week=1)
        worse += found.decision == "promote"
        blind_rolling += found.comparisons[-1].interval.upper < profile.gate.margin_brier
        for week in range(1, WEEKS + 1):
            if _another_recipe(profile, pool, right, wrong, week).decision == "promote":
                better, first = better + 1, first + (week == 1)
                break
    _log_share("a recipe worse by 0.01 promoted", worse, trials)
    _log_share("  of which rolling origins alone would have promoted", blind_rolling, trials)
    _log_share("a recipe better by 0.01 promoted within eight weeks", better, trials)
    _log_share("  in the first week", first, trials)
    assert worse == 0
    assert better >= 0.8 * trials


@COUNTED
def test_a_refit_on_spoiled_rows_is_never_promoted(profile: Profile, trials: int) -> None:
    """Spoiled in the newest rows only: the recipe's refits of the newest weeks are as honest as
    ever.
    """
    promoted = waits = 0
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        pool = Pool(rng)
        then = pool.recipe(0.0)
        other_week = then[-1] + SPOILED_MOVE * rng.choice([-1.0, 1.0], size=UNITS)
        found = _same_recipe(profile, pool, near(then, rng), then, (then[-1], other_week))
        promoted += found.decision == "promote"
        waits += found.waits_for_person
    _log_share("a refit on spoiled rows promoted", promoted, trials)
    _log_share("  waits for a person", waits, trials)
    assert (promoted, waits) == (0, trials)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("trials", [200])
def test_a_revised_history_that_makes_the_recipe_worse_is_mostly_seen_though_the_refit_moves_little(
    profile: Profile, trials: int
) -> None:
    """The power of the newest weeks alone: what crept in under the limit of one refit's move."""
    promoted = 0
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        pool = Pool(rng)
        then = pool.recipe(0.0)
        week = (then[-1], then[-1] + 0.005)
        promoted += (
            _same_recipe(profile, pool, pool.recipe(PLANTED), then, week).decision == "promote"
        )
    _log_share(
        "a recipe whose history was spoiled by 0.01, moves unseen, promoted", promoted, trials
    )
    assert promoted <= 0.1 * trials


@COUNTED
def test_an_honest_refit_is_promoted_nearly_always(profile: Profile, trials: int) -> None:
    promoted = 0
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        pool = Pool(rng)
        then = pool.recipe(0.0)
        own = near(then, rng)
        promoted += (
            _same_recipe(profile, pool, own, then, (then[-1], own[-1])).decision == "promote"
        )
    _log_share("an honest refit promoted", promoted, trials)
    assert promoted >= 50 / 52 * trials
