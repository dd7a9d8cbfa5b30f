"""Which champions can be compared with this run's candidates, and which are kept unjudged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import Profile, load_profile
from pipelines.contracts import HeadKind, content_id
from pipelines.evaluate.backtest import write_predictions
from pipelines.evaluate.contest import champion_profile, hold


def _champion(profile: Profile, head: HeadKind, **changed: Any) -> dict[str, Any]:
    recipe = json.loads(json.dumps(profile.recipe(head)))
    for part, value in changed.items():
        recipe[part] = {**recipe[part], **value} if isinstance(value, dict) else value
    return {
        "version": "3",
        "bundle_id": "bundle-old",
        "head": head,
        "recipe_id": content_id(recipe),
        "recipe": recipe,
        "as_of_week": "2018-w40",
        "dataset_version": "data-old",
    }


def _candidate(profile: Profile) -> dict[str, Any]:
    return {
        "head": "linear",
        "bundle_id": "bundle-new",
        "recipe_id": profile.recipe_id("linear"),
        "as_of_week": "2018-w48",
        "dataset_version": "data-new",
    }


def test_a_champions_training_choices_are_taken_over_for_its_backtest(profile: Profile) -> None:
    champion = _champion(profile, "linear", train={"linear_c": 0.7})
    found = champion_profile(champion, profile)
    assert found is not None
    assert found[0].train.linear_c == 0.7
    assert found[0].recipe_id("linear") == champion["recipe_id"]
    assert found[1] == ("linear",)


def test_a_champion_with_a_candidates_recipe_is_not_trained_twice(profile: Profile) -> None:
    assert champion_profile(_champion(profile, "late_joint"), profile) is None
    assert champion_profile(None, profile) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"embed": {"image": {}}},
        {"labels": {"min_reference_cases": 5}},
        {"data": {"language": "en"}},
    ],
)
def test_a_champion_that_needs_other_vectors_labels_or_prompts_is_not_imitated(profile: Profile, changed: dict[str, Any]) -> None:  # fmt: skip
    assert champion_profile(_champion(profile, "late_joint", **changed), profile) is None


def test_the_records_of_a_run_reach_the_gate(
    profile: Profile, planted: Any, tmp_path: Path
) -> None:
    frame = planted({"linear": 0.0, "prevalence": 0.05, "persistence_calibrated": 0.03})
    judged = {
        "predictions": [str(write_predictions(frame, tmp_path / "p.parquet"))],
        "champion_predictions": [],
    }
    champion = _champion(profile, "linear")
    found = hold({"linear": _candidate(profile)}, champion, champion, judged, profile)
    assert found.decision == "promote"
    wider = _champion(profile, "linear", horizons_weeks=[1, 2, 4, 8, 12])
    kept = hold({"linear": _candidate(profile)}, wider, wider, judged, profile)
    assert kept.decision == "keep"


def test_a_champion_that_changed_meanwhile_is_kept_with_the_reason_written() -> None:
    def record(bundle: str) -> dict[str, object]:
        return {"head": "linear", "bundle_id": bundle, "recipe_id": "r", "as_of_week": "2018-w48", "version": "3", "dataset_version": "d", "recipe": {}}  # fmt: skip

    judged: dict[str, list[str]] = {"predictions": [], "champion_predictions": []}
    decision = hold({}, record("a"), record("b"), judged, load_profile("sample"))
    assert decision.decision == "keep"
    assert decision.champion is not None
    assert "changed from a to b" in decision.reasons[0]


def test_absent_backtest_rows_leave_the_place_as_it_is() -> None:
    judged = {"predictions": ["gone.parquet"], "champion_predictions": []}
    decision = hold({}, None, None, judged, load_profile("sample"))
    assert decision.decision == "none"
    assert "gone.parquet" in decision.reasons[0]
