"""Rate, noise and L_reg are chosen on inner seasons before lambda, towards the profile's value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.config import load_profile
from pipelines.fusion.heads import has_branches
from pipelines.recipes import recipe_id
from pipelines.testing.rows import make_examples
from pipelines.train_config import TrainConfig, TunedConfig
from pipelines.training import season_curves
from pipelines.training.head_folds import head_folds
from pipelines.training.inner import LinearStage, linear_stage
from pipelines.training.settings import SettingChoice, by_rule
from pipelines.training.train import train_shifts
from pipelines.training.tune import Tuned, tune
from pipelines.weeks import CDC

CUT = CDC.week_no("2018-w01")
PROFILE = load_profile("sample", **{"evaluate.horizons_weeks": (4,), "train.tuned": {}})


@pytest.fixture(scope="module")
def stage() -> LinearStage:
    return linear_stage(make_examples(planted=3.0), PROFILE, CUT)


def _config(tuned: dict[str, Any], **changed: Any) -> TrainConfig:
    own = {"max_epochs": 3, "lambda_grid": (0.0,), **changed}
    return TrainConfig.model_validate({**own, "tuned": tuned})


def _tune(stage: LinearStage, config: TrainConfig, kind: str = "early") -> Tuned:
    rows, folds = stage.for_fit()
    return tune(kind, rows, head_folds(folds), config)


def _chosen(found: Tuned) -> dict[str, SettingChoice]:
    return {choice.setting: choice for choice in found.choices}


def _brier(choice: SettingChoice) -> dict[float, float]:
    return {one.value: float(np.mean(one.brier)) for one in choice.tried}


def test_a_rate_that_is_clearly_better_is_taken_and_everything_tried_is_kept(
    stage: LinearStage,
) -> None:
    found = _tune(stage, _config({"learning_rate": [3e-6, 1e-4]}, learning_rate=1e-5))
    choice = _chosen(found)["learning_rate"]
    assert found.config.learning_rate == choice.chosen == 1e-4
    assert [one.value for one in choice.tried] == [3e-6, 1e-5, 1e-4]
    assert _brier(choice)[1e-4] < _brier(choice)[1e-5] < _brier(choice)[3e-6]
    assert all(len(one.brier) == 3 and one.epochs == 3 for one in choice.tried)
    assert "the best of 3 on validation" in choice.reason
    assert choice.reason.endswith("the largest that was tried, and a larger one may be better")


def test_a_rate_within_one_standard_error_stays_the_profiles() -> None:
    scores = {1e-4: np.array([0.10, 0.12, 0.14]), 1e-3: np.array([0.11, 0.121, 0.138])}
    chosen, reason = by_rule("learning_rate", scores, plain=1e-3)
    assert chosen == 1e-3
    assert "within one standard error of the best, 0.0001 (Brier difference +0.0030" in reason
    better = {1e-4: np.array([0.10, 0.12, 0.14]), 1e-3: np.array([0.11, 0.13, 0.151])}
    assert by_rule("learning_rate", better, plain=1e-3)[0] == 1e-4


def test_of_rates_the_nearest_is_nearest_by_its_ratio() -> None:
    alike = {rate: np.array([0.1, 0.2]) for rate in (1e-5, 1e-2)}
    assert by_rule("learning_rate", alike, plain=1e-3)[0] == 1e-2
    assert by_rule("noise_sigma", alike, plain=1e-3)[0] == 1e-5


def test_where_no_rate_is_worth_an_epoch_the_profiles_stays(stage: LinearStage) -> None:
    config = _config({"learning_rate": [0.5, 1.0]}, learning_rate=0.7, max_epochs=1)
    choice = _chosen(_tune(stage, config))["learning_rate"]
    assert {one.epochs for one in choice.tried} == {0}
    assert choice.chosen == choice.plain == 0.7
    assert choice.reason.endswith("the profile's own: no other value makes a difference")


def test_the_score_at_the_chosen_values_is_the_one_that_the_sweep_has_at_lambda_zero(
    stage: LinearStage,
) -> None:
    found = _tune(stage, _config({"learning_rate": [1e-2], "noise_sigma": [0.05]}))
    last = found.choices[-1]
    assert [choice.setting for choice in found.choices] == ["learning_rate", "noise_sigma"]
    at = next(one for one in last.tried if one.value == last.chosen)
    assert [row["brier"] for row in found.lambda_curve()] == list(at.brier)


def test_noise_that_drowns_the_vectors_is_not_taken(stage: LinearStage) -> None:
    found = _tune(stage, _config({"noise_sigma": [30.0]}))
    choice = _chosen(found)["noise_sigma"]
    assert choice.chosen == 0.0 == found.config.noise_sigma
    assert _brier(choice)[0.0] < _brier(choice)[30.0]


def test_the_weight_of_l_reg_is_tuned_where_there_are_branches_only(stage: LinearStage) -> None:
    config = _config({"alignment_weight": [0.1]}, max_epochs=1)
    assert _tune(stage, config, "early").choices == ()
    (choice,) = _tune(stage, config, "late_joint").choices
    assert choice.setting == "alignment_weight"
    assert [one.value for one in choice.tried] == [0.0, 0.1]
    assert has_branches("late_joint") and not has_branches("early")


def test_scores_are_means_over_seeds_and_the_first_seed_is_the_profiles(
    stage: LinearStage,
) -> None:
    rates = {"learning_rate": [1e-4]}
    one, two, other = (
        _chosen(_tune(stage, _config({**rates, "seeds": n}, seed=seed)))["learning_rate"]
        for n, seed in ((1, 7), (2, 7), (1, 8))
    )
    assert two.seeds == 2
    at = {name: np.array([t.brier for t in c.tried]) for name, c in (("one", one), ("two", two))}
    if {t.epochs for c in (one, two, other) for t in c.tried} == {3}:
        third = np.array([t.brier for t in other.tried])
        np.testing.assert_allclose(at["two"], (at["one"] + third) / 2, atol=1e-12)
    assert (at["one"] != at["two"]).any()


def test_no_training_is_made_twice(stage: LinearStage, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[float, ...]] = []

    def counted(kind: str, rows: Any, shifts: Any, config: Any, *others: Any) -> Any:
        for shift in shifts:
            key = (config.learning_rate, config.noise_sigma, shift.lambda_shift, config.seed)
            made.append((*key, float(len(rows))))
        return train_shifts(kind, rows, shifts, config, *others)

    monkeypatch.setattr(season_curves, "train_shifts", counted)
    tuned = {"learning_rate": [1e-4], "noise_sigma": [0.1], "seeds": 2}
    _tune(stage, _config(tuned, max_epochs=1, lambda_grid=(0.0, 0.5)))
    # Two rates, one noise more, one lambda more; three seasons, two seeds.
    assert len(made) == len(set(made)) == (2 + 1 + 1) * 3 * 2


def test_labels_after_the_cut_choose_no_setting() -> None:
    rows, config = make_examples(planted=3.0), _config({"learning_rate": [1e-4, 1e-5]})
    after = rows.target_week_no > CUT
    flipped = replace(rows, label=np.where(after, 1 - rows.label, rows.label))
    first, second = (_tune(linear_stage(r, PROFILE, CUT), config) for r in (rows, flipped))
    assert first == second


def test_a_profile_that_tunes_nothing_has_the_recipe_that_it_had() -> None:
    plain = PROFILE.recipe("early")
    assert "tuned" not in plain["train"]
    said = {**plain, "train": {**plain["train"], "tuned": TunedConfig().model_dump(mode="json")}}
    assert recipe_id(said) == recipe_id(plain)
    tuned = {"train.tuned": {"learning_rate": [1e-4]}}
    tuning = load_profile("sample", **{"evaluate.horizons_weeks": (4,), **tuned})
    assert tuning.recipe_id("early") != PROFILE.recipe_id("early")
    assert tuning.recipe_id("linear") == PROFILE.recipe_id("linear")


def test_a_head_is_trained_with_what_was_chosen(stage: LinearStage) -> None:
    from pipelines.training.fused import refit, tune_head

    rows, folds = stage.for_fit()
    config = _config({"learning_rate": [1e-4], "seeds": 2}, learning_rate=1e-5)
    tuning = tune_head("early", rows, folds, config)
    assert tuning.config.loop.learning_rate == 1e-4
    alone = _config({}, learning_rate=1e-4)
    same = replace(tuning.config, loop=alone)
    one, other = refit("early", rows, folds, tuning.config), refit("early", rows, folds, same)
    assert one is not None and other is not None
    for name, value in one.state.items():
        np.testing.assert_array_equal(value, other.state[name])
