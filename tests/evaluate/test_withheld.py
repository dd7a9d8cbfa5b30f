"""A horizon at which a recipe is not sane is left out; it does not speak against the other
horizons.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Profile
from pipelines.evaluate.decision import Candidate, Champion, Decision
from pipelines.evaluate.gate import decide

BASELINES = {"prevalence": 0.05, "persistence_calibrated": 0.03}
LINEAR = Candidate("linear", "bundle-new", "recipe-linear", "2018-w48")
LATE = Candidate("late_joint", "bundle-late", "recipe-late", "2018-w48")
SAME = Champion(
    "linear", "bundle-old", "recipe-linear", "2018-w40", "3", horizons_weeks=(1, 4, 8, 12)
)
COMMAND = "`denguard promote bundle-new-without-12 --by NAME --reason TEXT`"


def _spoiled(rows: pd.DataFrame, head: str, *horizons: int) -> pd.DataFrame:
    """A mean probability 0.15 beyond the outbreak rate, at these horizons alone."""
    at = (rows["head"] == head) & rows["horizon_weeks"].isin(horizons)
    return rows.assign(probability=rows["probability"] + np.where(at, 0.15, 0.0))


def _leaving_out(candidate: Candidate, without: tuple[int, ...]) -> Candidate:
    name = f"{candidate.bundle_id}-without-{'-'.join(map(str, without))}"
    return replace(candidate, bundle_id=name, without=without)


def _decide(
    rows: pd.DataFrame,
    profile: Profile,
    champion: Champion | None = None,
    candidates: tuple[Candidate, ...] = (LINEAR,),
) -> Decision:
    return decide(rows, candidates, champion, profile, leaving_out=_leaving_out)


@pytest.fixture(scope="module")
def rows(planted: Any) -> pd.DataFrame:
    """The linear head beats both baselines and an older recipe; at 12 weeks it is not sane."""
    return _spoiled(planted({"linear": 0.0, "old": 0.001, **BASELINES}), "linear", 12)


def test_a_first_champion_serves_without_the_horizon_at_which_it_is_not_sane(
    rows: pd.DataFrame, profile: Profile
) -> None:
    found = _decide(rows, profile)
    assert (found.decision, found.bundle_id) == ("promote", "bundle-new-without-12")
    assert list(found.withheld) == ["12"]
    assert "is away from the outbreak rate" in found.withheld["12"]
    assert found.first_line.endswith("It does not forecast 12 weeks ahead, where it is not sane.")


def test_at_the_primary_horizon_one_that_is_not_sane_is_refused_whole(
    planted: Any, profile: Profile
) -> None:
    frame = _spoiled(planted({"linear": 0.0, **BASELINES}), "linear", 4, 12)
    found = _decide(frame, profile, SAME)
    assert (found.decision, found.bundle_id, found.withheld) == ("keep", "bundle-new", {})
    assert any("is not sane at 4 weeks" in reason for reason in found.reasons)


def test_a_refit_of_the_champions_recipe_goes_on_at_the_other_horizons(
    rows: pd.DataFrame, profile: Profile
) -> None:
    found = _decide(rows, profile, SAME)
    assert (found.decision, found.bundle_id) == ("promote", "bundle-new-without-12")


def test_the_same_bundle_with_the_same_horizon_left_out_is_nothing_new(
    rows: pd.DataFrame, profile: Profile
) -> None:
    serving = replace(SAME, bundle_id="bundle-new-without-12", horizons_weeks=(1, 4, 8))
    found = _decide(rows, profile, serving)
    assert found.decision == "keep"
    assert found.reasons[-1].startswith("Nothing new")


def _of_another_recipe(rows: pd.DataFrame, *sanity_failures: int) -> Champion:
    theirs = _spoiled(rows[rows["head"] == "old"].assign(head="linear"), "linear", *sanity_failures)
    return replace(SAME, recipe_id="recipe-other", predictions=theirs)


def test_a_horizon_that_the_champion_serves_soundly_is_given_up_by_a_person_alone(
    rows: pd.DataFrame, profile: Profile
) -> None:
    found = _decide(rows[rows["head"] != "old"], profile, _of_another_recipe(rows))
    assert (found.decision, found.waits_for_person) == ("keep", True)
    assert "but for 12 weeks ahead, where it is not sane" in found.reasons[-1]
    assert COMMAND in found.reasons[-1]


def test_a_horizon_at_which_the_champions_recipe_is_not_sane_either_is_nothing_to_lose(
    rows: pd.DataFrame, profile: Profile
) -> None:
    found = _decide(rows[rows["head"] != "old"], profile, _of_another_recipe(rows, 12))
    assert (found.decision, found.bundle_id) == ("promote", "bundle-new-without-12")


def test_of_two_that_are_not_sane_everywhere_the_better_one_serves_if_it_leaves_out_no_more(
    planted: Any, profile: Profile
) -> None:
    frame = _spoiled(planted({"linear": 0.02, "late_joint": 0.0, **BASELINES}), "linear", 12)
    both = _spoiled(frame, "late_joint", 12)
    found = _decide(both, profile, candidates=(LINEAR, LATE))
    assert (found.decision, found.bundle_id) == ("promote", "bundle-late-without-12")
    more = _decide(_spoiled(both, "late_joint", 8), profile, candidates=(LINEAR, LATE))
    assert more.bundle_id == "bundle-new-without-12"


def test_a_simpler_candidate_that_is_sane_everywhere_serves_whole(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"linear": 0.02, "late_joint": 0.0, **BASELINES})
    found = _decide(_spoiled(frame, "late_joint", 12), profile, candidates=(LINEAR, LATE))
    assert (found.decision, found.bundle_id, found.withheld) == ("promote", "bundle-new", {})
