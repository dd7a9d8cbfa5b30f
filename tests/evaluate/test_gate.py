"""The gate's contract: one test a promise, on predictions with a planted difference."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Profile
from pipelines.evaluate.gate import Candidate, Champion, decide

BASELINES = {"prevalence": 0.05, "persistence_calibrated": 0.03}
PRIMARY = 4
LINEAR = Candidate("linear", "bundle-new", "recipe-linear", "2018-w48")
LATE = Candidate("late_joint", "bundle-late", "recipe-late", "2018-w48")
EARLY = Candidate("early", "bundle-early", "recipe-early", "2018-w48")
CHAMPION = Champion("linear", "bundle-old", "recipe-linear", "2018-w40", "3")
OTHER = replace(CHAMPION, recipe_id="recipe-other")


def _of(frame: pd.DataFrame, head: str) -> pd.DataFrame:
    return frame[frame["head"] == head].assign(head="linear")


def _at(frame: pd.DataFrame, head: str, horizon: int = PRIMARY) -> pd.Series:
    return (frame["head"] == head) & (frame["horizon_weeks"] == horizon)


def test_a_first_champion_that_beats_both_baselines_is_promoted(
    planted: Any, profile: Profile
) -> None:
    found = decide(planted({"linear": 0.0, **BASELINES}), [LINEAR], None, profile)
    assert (found.decision, found.head, found.bundle_id) == ("promote", "linear", "bundle-new")


@pytest.mark.parametrize("stronger", ["prevalence", "persistence_calibrated"])
def test_a_first_champion_that_a_baseline_beats_is_not_registered(
    planted: Any, profile: Profile, stronger: str
) -> None:
    frame = planted({"linear": 0.003, **BASELINES, stronger: 0.0})
    found = decide(frame, [LINEAR], None, profile)
    assert found.decision == "none"
    assert any("does not beat" in reason for reason in found.reasons)


def test_fusion_serves_if_it_beats_the_linear_head_beyond_its_interval(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"linear": 0.02, "late_joint": 0.0, "early": 0.02, **BASELINES})
    found = decide(frame, [LINEAR, EARLY, LATE], None, profile)
    assert (found.decision, found.head) == ("promote", "late_joint")
    assert found.fusion_beats_linear
    assert found.first_line.startswith(
        "Fusion (late_joint) beats the linear head (Brier difference -0.0"
    )


@pytest.mark.parametrize(("label", "what"), [(0.0, "no outbreak"), (1.0, "an outbreak")])
def test_test_years_of_one_class_only_open_nothing_and_say_so(
    planted: Any, profile: Profile, label: float, what: str
) -> None:
    rows = planted({"linear": 0.0, **BASELINES}).assign(label=label)
    found = decide(rows, [LINEAR], None, profile)
    assert (found.decision, found.comparisons) == ("none", ())
    assert f"one class only: each of their 2080 unit-weeks is {what}" in found.first_line


@pytest.mark.parametrize("seed", range(8))
def test_fusion_that_is_only_as_good_as_the_linear_head_does_not_serve(
    planted: Any, profile: Profile, seed: int
) -> None:
    frame = planted({"linear": 0.01, "late_joint": 0.011, **BASELINES}, seed=seed)
    found = decide(frame, [LINEAR, LATE], None, profile)
    assert found.head == "linear"
    assert found.first_line.startswith("Fusion does not beat the linear head")
    assert found.first_line.endswith("over 16 blocks): the linear head serves.")


def test_the_better_of_two_fused_heads_that_qualify_serves(planted: Any, profile: Profile) -> None:
    frame = planted({"linear": 0.03, "early": 0.012, "late_joint": 0.0, **BASELINES})
    assert decide(frame, [LINEAR, EARLY, LATE], None, profile).head == "late_joint"


def test_fusion_that_is_not_sane_at_another_horizon_leaves_the_place_to_the_linear_head(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"linear": 0.02, "late_joint": 0.0, **BASELINES})
    frame.loc[_at(frame, "late_joint", 12), "probability"] += 0.15
    found = decide(frame, [LINEAR, LATE], None, profile)
    assert (found.decision, found.head) == ("promote", "linear")
    assert any("not sane at 12 weeks" in reason for reason in found.reasons)
    assert found.first_line.endswith("but is not sane at every horizon: the linear head serves.")


def test_the_same_recipe_on_fresher_data_replaces_the_champion(
    planted: Any, profile: Profile
) -> None:
    found = decide(planted({"linear": 0.0, **BASELINES}), [LINEAR], CHAMPION, profile)
    assert found.decision == "promote"
    assert "fresher data win a tie" in found.reasons[-1]


def test_the_bundle_that_serves_already_is_nothing_new(planted: Any, profile: Profile) -> None:
    same = replace(LINEAR, bundle_id=CHAMPION.bundle_id)
    found = decide(planted({"linear": 0.0, **BASELINES}), [same], CHAMPION, profile)
    assert found.decision == "keep"
    assert found.reasons[-1].startswith("Nothing new")


def test_the_champions_recipe_on_the_champions_dataset_is_nothing_new(
    planted: Any, profile: Profile
) -> None:
    same, champion = (replace(one, dataset_version="d1") for one in (LINEAR, CHAMPION))
    rows = planted({"linear": 0.0, **BASELINES})
    assert decide(rows, [same], champion, profile).decision == "keep"
    fresher = replace(same, dataset_version="d2")
    assert decide(rows, [fresher], champion, profile).decision == "promote"


def test_older_data_never_replace_fresher(planted: Any, profile: Profile) -> None:
    backfill = replace(LINEAR, as_of_week="2018-w30")
    found = decide(planted({"linear": 0.0, **BASELINES}), [backfill], CHAMPION, profile)
    assert found.decision == "keep"
    assert "older data" in found.reasons[-1]


def test_data_that_were_taken_back_are_not_fresher(planted: Any, profile: Profile) -> None:
    without = replace(LINEAR, as_of_week="2018-w30")
    lied_to = replace(CHAMPION, recipe_id=LINEAR.recipe_id, withdrawn_drops=("2018-12-11",))
    found = decide(planted({"linear": 0.0, **BASELINES}), [without], lied_to, profile)
    assert found.decision == "promote"
    assert "trained on drop 2018-12-11, which was withdrawn" in found.reasons[0]
    assert found.reasons[-1].endswith("data without what was withdrawn win a tie.")


def test_a_bundle_that_a_person_rolled_back_stays_out(planted: Any, profile: Profile) -> None:
    frame = planted({"linear": 0.0, **BASELINES})
    found = decide(frame, [LINEAR], CHAMPION, profile, rolled_back=["bundle-new"])
    assert found.decision == "keep"


def test_a_challenger_that_serves_fewer_horizons_does_not_go_live(
    planted: Any, profile: Profile
) -> None:
    wider = replace(CHAMPION, horizons_weeks=(1, 2, 4, 8, 12))
    found = decide(planted({"linear": 0.0, **BASELINES}), [LINEAR], wider, profile)
    assert found.decision == "keep"
    assert "2 weeks ahead" in found.reasons[-1]


def test_a_recipe_worse_by_a_planted_amount_is_never_promoted(
    planted: Any, profile: Profile
) -> None:
    for seed in range(5):  # 200 more at one horizon: test_gate_properties.py
        frame = planted(
            {"linear": 0.01, "old": 0.0, **BASELINES}, seed=seed, horizons=(1, 4, 8, 12)
        )
        champion = replace(OTHER, predictions=_of(frame, "old"))
        found = decide(frame[frame["head"] != "old"], [LINEAR], champion, profile)
        assert found.decision == "keep", f"seed {seed}: {found.reasons}"


def test_a_better_recipe_replaces_the_champion_and_the_record_says_by_how_much(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"linear": 0.0, "old": 0.02, **BASELINES})
    champion = replace(OTHER, predictions=_of(frame, "old"))
    found = decide(frame[frame["head"] != "old"], [LINEAR], champion, profile)
    assert found.decision == "promote"
    assert "better beyond its interval" in found.reasons[-1]
    assert found.comparisons[-1].interval.blocks == 16


def test_a_champion_with_a_candidates_recipe_needs_no_predictions_of_its_own(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"linear": 0.0, "late_joint": 0.0, **BASELINES})
    fused = Champion("late_joint", "bundle-old", "recipe-late", "2018-w40", "3")
    found = decide(frame, [LINEAR, LATE], fused, profile)
    assert found.comparisons[-1].reference == "champion (late_joint)"


def _without_horizon(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["horizon_weeks"] != 8]


def _without_prevalence(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["head"] != "prevalence"]


def _nan_probability(frame: pd.DataFrame) -> pd.DataFrame:
    out = frame.copy()
    out.loc[np.flatnonzero(_at(out, "linear"))[:1], "probability"] = np.nan
    return out


def _nan_at_another_horizon(frame: pd.DataFrame) -> pd.DataFrame:
    out = frame.copy()
    out.loc[np.flatnonzero(_at(out, "linear", 12))[:1], "probability"] = np.nan
    return out


def _unknown_label(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(label=frame["label"].mask(frame["horizon_weeks"] == PRIMARY))


def _one_row_less(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(index=np.flatnonzero(_at(frame, "linear"))[:1])


def _doubled(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame], ignore_index=True)


def _no_column(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns="probability")


def _empty(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:0]


def _three_origins(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["test_year"] > 2015]


def _text_for_number(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(probability="high")


DAMAGE = [
    _without_horizon,
    _without_prevalence,
    _nan_probability,
    _nan_at_another_horizon,
    _unknown_label,
    _one_row_less,
    _doubled,
    _no_column,
    _empty,
    _text_for_number,
]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("champion", [CHAMPION, None])
def test_what_cannot_be_judged_changes_nothing(
    planted: Any, profile: Profile, damage: Any, champion: Champion | None
) -> None:
    whole = planted({"linear": 0.0, **BASELINES})
    assert decide(whole, [LINEAR], champion, profile).decision == "promote"
    found = decide(damage(whole), [LINEAR], champion, profile)
    assert found.decision == ("keep" if champion else "none")
    assert found.reasons
    json.dumps(found.to_json(), allow_nan=False)


def test_a_champion_scored_on_other_labels_stays(planted: Any, profile: Profile) -> None:
    frame = planted({"linear": 0.0, "old": 0.02, **BASELINES})
    other = _of(frame, "old").assign(label=lambda t: 1 - t["label"])
    found = decide(
        frame[frame["head"] != "old"], [LINEAR], replace(OTHER, predictions=other), profile
    )
    assert found.decision == "keep"
    assert "different labels" in found.reasons[-1]


def test_a_champion_whose_recipe_was_not_evaluated_stays(planted: Any, profile: Profile) -> None:
    found = decide(planted({"linear": 0.0, **BASELINES}), [LINEAR], OTHER, profile)
    assert found.decision == "keep"


def test_a_champion_that_no_candidate_imitates_stays_where_the_linear_one_is_not_trained(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"linear": 0.0, "late_joint": 0.0, **BASELINES})
    assert decide(frame, [LATE], CHAMPION, profile).decision == "keep"


def _loosen(profile: Profile, **guard: Any) -> Profile:
    return profile.model_copy(update={"gate": profile.gate.model_copy(update=guard)})


def test_the_margin_is_what_stops_a_worse_recipe(planted: Any, profile: Profile) -> None:
    frame = planted({"linear": 0.01, "old": 0.0, **BASELINES})
    champion = replace(OTHER, predictions=_of(frame, "old"))
    rows = frame[frame["head"] != "old"]
    assert decide(rows, [LINEAR], champion, profile).decision == "keep"
    assert (
        decide(rows, [LINEAR], champion, _loosen(profile, margin_brier=1.0)).decision == "promote"
    )


def test_the_block_count_is_what_stops_a_short_history(planted: Any, profile: Profile) -> None:
    rows = planted({"linear": 0.0, **BASELINES}, weeks=26)
    assert decide(rows, [LINEAR], CHAMPION, profile).decision == "keep"
    assert decide(rows, [LINEAR], CHAMPION, _loosen(profile, min_blocks=8)).decision == "promote"


def test_the_bias_guard_is_what_stops_a_biased_recipe(planted: Any, profile: Profile) -> None:
    rows = planted({"linear": 0.0, **BASELINES})
    rows.loc[rows["head"] == "linear", "probability"] += 0.15
    assert decide(rows, [LINEAR], CHAMPION, profile).decision == "keep"
    assert (
        decide(rows, [LINEAR], CHAMPION, _loosen(profile, max_mean_bias=0.5)).decision == "promote"
    )


def test_the_prevalence_guard_is_what_stops_a_recipe_that_is_bad_at_one_horizon(
    planted: Any, profile: Profile
) -> None:
    rows = planted({"linear": 0.0, **BASELINES})
    bad = _at(rows, "linear", 8)
    rng = np.random.default_rng(0)
    rows.loc[bad, "probability"] += rng.choice([-0.28, 0.28], size=int(bad.sum()))
    assert decide(rows, [LINEAR], CHAMPION, profile).decision == "keep"
    assert (
        decide(rows, [LINEAR], CHAMPION, _loosen(profile, max_worse_than_prevalence=0.5)).decision
        == "promote"
    )


def test_the_order_of_rows_does_not_change_the_record(planted: Any, profile: Profile) -> None:
    frame = planted({"linear": 0.01, "late_joint": 0.0, **BASELINES})
    shuffled = frame.sample(frac=1.0, random_state=5)
    ours = decide(frame, [LINEAR, LATE], None, profile)
    assert decide(shuffled, [LINEAR, LATE], None, profile).to_json() == ours.to_json()


BOOSTING = Candidate("boosting", "bundle-boosting", "recipe-boosting", "2018-w48")
PROVISIONAL = replace(CHAMPION, provisional=True)


def _short(planted: Any, excess: dict[str, float]) -> pd.DataFrame:
    """Two years of eight blocks: too few to trust an interval."""
    return planted(excess, years=(2017, 2018))


def test_boosting_serves_if_it_beats_the_linear_head_and_the_line_says_that_it_is_no_fusion(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"linear": 0.02, "boosting": 0.0, "late_joint": 0.02, **BASELINES})
    found = decide(frame, [LINEAR, LATE, BOOSTING], None, profile)
    assert (found.decision, found.head) == ("promote", "boosting")
    assert not found.fusion_beats_linear
    assert found.first_line.startswith("Boosting beats the linear head (Brier difference -0.0")
    assert "; fusion does not beat the linear head" in found.first_line
    assert found.first_line.endswith(": it serves.")


def test_without_a_linear_candidate_the_first_one_is_what_the_others_have_to_beat(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"climatology": 0.001, "boosting": 0.001, **BASELINES})
    climatology = replace(BOOSTING, head="climatology", bundle_id="b", recipe_id="r")
    found = decide(frame, [climatology, BOOSTING], None, profile)
    assert (found.decision, found.head, found.reference) == (
        "promote",
        "climatology",
        "climatology",
    )
    assert found.first_line.endswith("over 16 blocks): climatology serves.")


def test_a_baseline_may_be_champion_and_does_not_have_to_beat_itself(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"prevalence": 0.05, "persistence_calibrated": 0.0})
    own = replace(LINEAR, head="persistence_calibrated")
    found = decide(frame, [own], None, profile)
    assert (found.decision, found.head) == ("promote", "persistence_calibrated")


def test_where_nothing_serves_the_first_line_names_the_true_reason(
    planted: Any, profile: Profile
) -> None:
    weak = decide(
        planted({"linear": 0.03, **BASELINES, "persistence_calibrated": 0.0}),
        [LINEAR],
        None,
        profile,
    )
    assert weak.first_line.startswith(
        "Nothing serves, because the linear head does not beat calibrated persistence ("
    )
    biased = planted({"linear": 0.0, **BASELINES})
    biased.loc[_at(biased, "linear", 12), "probability"] += 0.2
    line = decide(biased, [LINEAR], None, profile).first_line
    assert line.startswith("Nothing serves, because the linear head is not sane at 12 weeks")
    taken_out = decide(
        planted({"linear": 0.0, **BASELINES}), [LINEAR], None, profile, rolled_back=["bundle-new"]
    )
    assert "taken out of service by a person" in taken_out.first_line


def test_a_short_history_lets_the_simplest_candidate_serve_provisionally(
    planted: Any, profile: Profile
) -> None:
    frame = _short(planted, {"linear": 0.0, "late_joint": 0.0, **BASELINES})
    found = decide(frame, [LINEAR, LATE], None, profile)
    assert (found.decision, found.head, found.provisional) == ("promote", "linear", True)
    assert found.first_line.startswith(
        "Provisional on 8 blocks of weeks over 2 test years, 16 over 4 are needed. "
    )
    assert found.first_line.endswith(
        "The linear head serves; late joint cannot be compared with it yet."
    )
    assert {c.question for c in found.comparisons} == {"is better in the mean than"}


@pytest.mark.parametrize("stronger", ["prevalence", "persistence_calibrated"])
def test_a_provisional_champion_is_better_in_the_mean_than_both_baselines(
    planted: Any, profile: Profile, stronger: str
) -> None:
    frame = _short(planted, {"linear": 0.03, **BASELINES, stronger: 0.0})
    found = decide(frame, [LINEAR], None, _loosen(profile, max_worse_than_prevalence=0.1))
    assert (found.decision, found.provisional) == ("none", False)
    assert "is not better in the mean than" in found.first_line


def test_a_provisional_champion_has_to_be_sane(planted: Any, profile: Profile) -> None:
    frame = _short(planted, {"linear": 0.0, **BASELINES})
    frame.loc[_at(frame, "linear", 8), "probability"] += 0.25
    assert decide(frame, [LINEAR], None, profile).decision == "none"


def test_one_block_of_weeks_is_too_few_even_for_a_provisional_champion(
    planted: Any, profile: Profile
) -> None:
    frame = planted({"linear": 0.0, **BASELINES}, years=(2018,), weeks=13)
    found = decide(frame, [LINEAR], None, profile)
    assert found.decision == "none"
    assert "2 at least even for a provisional one" in found.first_line


def test_a_provisional_candidate_never_replaces_a_champion_that_was_judged(
    planted: Any, profile: Profile
) -> None:
    found = decide(_short(planted, {"linear": 0.0, **BASELINES}), [LINEAR], CHAMPION, profile)
    assert (found.decision, found.provisional) == ("keep", False)
    assert "a provisional one does not replace it" in found.reasons[-1]


def test_fresher_data_replace_a_provisional_champion_provisionally(
    planted: Any, profile: Profile
) -> None:
    found = decide(_short(planted, {"linear": 0.0, **BASELINES}), [LINEAR], PROVISIONAL, profile)
    assert (found.decision, found.provisional) == ("promote", True)


def test_after_a_provisional_champion_enough_blocks_make_one_that_is_not_provisional(
    planted: Any, profile: Profile
) -> None:
    good = decide(planted({"linear": 0.0, **BASELINES}), [LINEAR], PROVISIONAL, profile)
    assert (good.decision, good.provisional) == ("promote", False)
    weak = decide(planted({"linear": 0.03, **BASELINES}), [LINEAR], PROVISIONAL, profile)
    assert (weak.decision, weak.provisional) == ("keep", True)
    assert weak.first_line.startswith("Provisional on 16 blocks")


def _over_trees(planted: Any, early: float, trees: float) -> pd.DataFrame:
    """Rows of a head that adds to boosting, and of boosting and the linear model beside it."""
    frame = planted({"early": early, "boosting": trees, "linear": 0.06, **BASELINES})
    keys = ["horizon_weeks", "sample_id"]
    base = frame[frame["head"] == "boosting"].set_index(keys)["probability"]
    own = frame["head"] == "early"
    at = pd.MultiIndex.from_frame(frame.loc[own, keys])
    frame.loc[own, "base_probability"] = base.reindex(at).to_numpy()
    frame.loc[own, "base"] = "boosting"
    return frame


def test_a_head_that_only_inherits_what_trees_know_is_no_merit_of_fusion(
    planted: Any, profile: Profile
) -> None:
    rows = _over_trees(planted, early=0.020, trees=0.020)
    names = ("linear", "boosting", "early")
    found = decide(rows, [Candidate(n, n, n, "2018-w48") for n in names], None, profile)
    asked = {(c.challenger, c.reference): c.passed for c in found.comparisons}
    assert asked["early", "linear"] and not asked["early", "boosting"]
    assert found.head == "boosting" and not found.fusion_beats_linear
    assert "usion does not beat boosting" in found.first_line


def test_a_head_that_adds_to_the_trees_serves(planted: Any, profile: Profile) -> None:
    rows = _over_trees(planted, early=0.0, trees=0.020)
    names = ("linear", "boosting", "early")
    found = decide(rows, [Candidate(n, n, n, "2018-w48") for n in names], None, profile)
    asked = {(c.challenger, c.reference): c.passed for c in found.comparisons}
    assert asked["early", "boosting"] and found.head == "early" and found.fusion_beats_linear
    assert "usion (early) beats boosting" in found.first_line
