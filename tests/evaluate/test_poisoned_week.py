"""A poisoned week on the way through checks, refit and gate: what holds do, and what the gate alone
sees.

The drop of the week says that two towns had no case in more than a year. Real checks, rows, refits
and gate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from support.place import FIRST, Counts, Place, history

from pipelines.config import DataConfig, Profile, load_profile
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.decision import Candidate, Champion, Decision
from pipelines.evaluate.gate import decide
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.evaluate.new_weeks import NewWeeks
from pipelines.evaluate.refits import Models
from pipelines.fusion.examples import Examples
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.training.recipe import train_recipe
from pipelines.weeks import CDC

ZEROED = ["1002", "1005"]
YEARS = (2014, 2015, 2016, 2017)
WEEKS = 52 * 6 + 20
AS_OF = FIRST + WEEKS - 1
Rows = dict[int, Examples]


@dataclass(frozen=True)
class Week:
    """What a week came to: the decision, and units -> probability by the challenger."""

    decision: Decision
    challenger: pd.Series
    champion: pd.Series

    def others(self, honest: Week) -> float:
        """Largest change of a unit that was told truly."""
        return float((self.challenger - honest.challenger).drop(ZEROED).abs().max())

    @property
    def between_two_refits(self) -> float:
        """Largest change of a unit from the champion to the challenger."""
        return float((self.challenger - self.champion).abs().max())


@dataclass(frozen=True)
class World:
    """A deployment whose champion was trained a week ago on honest drops."""

    root: Path
    profile: Profile
    backtests: pd.DataFrame
    champion: Models
    honest: Rows


@pytest.fixture(scope="module")
def profile() -> Profile:
    rule = {"kind": "quantile", "q": 0.5, "reference": ["2015-w01", "2016-w52"]}
    return load_profile(
        "sample",
        **{
            "data.first_week": "2013-w01",
            "labels.rule": rule,
            "evaluate.horizons_weeks": (4,),
            "evaluate.municipalities": None,
            "gate.refit_years": 1,
            "gate.recent_weeks": 13,
        },
    )


def zeros(counts: Counts) -> Counts:
    counts.loc[ZEROED, counts.columns[-60:]] = 0.0
    return counts


def same(counts: Counts) -> Counts:
    return counts


@pytest.fixture(scope="module")
def world(profile: Profile, tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("place")
    rows = _rows(root / "honest", profile, same)
    backtests = pd.concat(
        [backtest_year(rows, profile, ["linear"], year, ("prevalence",)) for year in YEARS]
    )
    return World(root, profile, backtests, _refit(rows, profile, AS_OF - 1), rows)


@pytest.fixture(scope="module")
def honest(world: World) -> Week:
    return _week(world, world.honest)


def _rows(
    root: Path, profile: Profile, lie: Callable[[Counts], Counts], config: DataConfig | None = None
) -> Rows:
    place = Place(root, config=config or DataConfig())
    place.weekly(history(weeks=WEEKS), lie)
    return tabular_examples(place.validate().tables, profile, AS_OF, (4,))[0]


def _refit(rows: Rows, profile: Profile, week: int) -> Models:
    return train_recipe(rows, "linear", profile, {4: week}).models


def _week(world: World, rows: Rows) -> Week:
    profile, week = world.profile, CDC.week_label(AS_OF)
    challenger, recipe = _refit(rows, profile, AS_OF), profile.recipe_id("linear")
    new = Candidate("linear", "b2ndb2ndb2ndb2nd", recipe, week)
    old = Champion("linear", "b1stb1stb1stb1st", recipe, CDC.week_label(AS_OF - 1), "1")
    weeks = NewWeeks(
        profile,
        week,
        lambda: rows,
        lambda _: challenger,
        lambda: world.champion,
        (),
        world.root / "kept",
    )
    found = decide(world.backtests, [new], old, profile, new_weeks=weeks)
    newest = rows[4].take(rows[4].origin_week_no == AS_OF)
    probabilities = (
        pd.Series(m[4].probability(newest), newest.unit_id.astype(str))
        for m in (challenger, world.champion)
    )
    return Week(found, *probabilities)


def test_a_held_week_leaves_decision_and_every_other_units_forecast_as_on_the_honest_week(
    world: World, honest: Week
) -> None:
    held = _week(world, _rows(world.root / "held", world.profile, zeros))
    assert honest.decision.decision == held.decision.decision == "promote", held.decision.reasons
    assert held.decision.bundle_id == honest.decision.bundle_id
    assert held.others(honest) <= honest.between_two_refits


@pytest.mark.slow
def test_the_gate_alone_promotes_a_refit_that_learnt_from_a_poisoned_year(
    world: World, honest: Week
) -> None:
    blind = DataConfig(plausibility=PlausibilityConfig(without=("*",)))
    poisoned = _week(world, _rows(world.root / "blind", world.profile, zeros, blind))
    assert poisoned.decision.decision == "promote", poisoned.decision.reasons
    assert poisoned.others(honest) > honest.between_two_refits
