"""Which champions can be compared with this run's candidates, and which are kept unjudged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import multilingual
from support.outputs import candidate, describe_champion, serving

from pipelines.config import Profile, load_profile
from pipelines.contracts import HeadKind
from pipelines.evaluate.backtest import write_predictions
from pipelines.evaluate.decision import Decision
from pipelines.evaluate.gate_inputs import EvaluationFiles, champion_profile, run_gate
from pipelines.recipes import recipe_id
from pipelines.run.outputs import ServingModel, TrainedCandidate
from pipelines.storage import write_json


def _champion(profile: Profile, head: HeadKind, **changed: Any) -> ServingModel:
    recipe = json.loads(json.dumps(profile.recipe(head)))
    for part, value in changed.items():
        recipe[part] = {**recipe[part], **value} if isinstance(value, dict) else value
    return serving(
        version="3",
        bundle_id="bundle-old",
        head=head,
        recipe_id=recipe_id(recipe),
        recipe=recipe,
        as_of_week="2018-w40",
        dataset_version="data-old",
    )


def _candidate(profile: Profile) -> TrainedCandidate:
    return candidate(
        head="linear",
        bundle_id="bundle-new",
        recipe_id=profile.recipe_id("linear"),
        as_of_week="2018-w48",
        dataset_version="data-new",
    )


def test_a_champions_training_choices_are_taken_over_for_its_backtest(profile: Profile) -> None:
    champion = _champion(profile, "linear", train={"linear_c": 0.7})
    found = champion_profile(champion, profile)
    assert found is not None
    assert found[0].train.linear_c == 0.7
    assert found[0].recipe_id("linear") == champion.recipe_id
    assert found[1] == ("linear",)


def test_a_champion_with_a_candidates_recipe_is_not_trained_twice(profile: Profile) -> None:
    assert champion_profile(_champion(profile, "late_joint"), profile) is None
    assert champion_profile(None, profile) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"embed": {"image": {}}},
        {"labels": {"min_reference_cases": 5}},
        {"language": "en"},
    ],
)
def test_a_champion_that_needs_other_vectors_labels_or_prompts_is_not_imitated(
    profile: Profile, changed: dict[str, Any]
) -> None:
    assert champion_profile(_champion(profile, "late_joint", **changed), profile) is None


def test_a_champion_of_other_encoders_is_trained_where_its_vectors_are_at_hand(
    profile: Profile,
) -> None:
    theirs = profile.with_encoders({"text": multilingual.config()})
    champion = _champion(theirs, "late_joint")
    assert champion_profile(champion, profile) is None
    found = champion_profile(champion, profile, its_vectors=True)
    assert found is not None
    assert found[0].recipe_id("late_joint") == champion.recipe_id
    assert champion_profile(_champion(theirs, "late_joint", language="en"), profile, True) is None


@pytest.fixture
def judged(planted: Any, tmp_path: Path) -> EvaluationFiles:
    """Files of an evaluation that lets the linear candidate through."""
    frame = planted({"linear": 0.0, "prevalence": 0.05, "persistence_calibrated": 0.03})
    scores = {str(h): {"heads": {"linear": {"brier": 0.2}}} for h in (1, 4, 8, 12)}
    metrics = write_json(tmp_path / "metrics.json", {"horizons": scores})
    return EvaluationFiles([write_predictions(frame, tmp_path / "p.parquet")], [], metrics)


def _held(profile: Profile, judged: EvaluationFiles, before: Any, now: Any = None) -> Decision:
    return run_gate({"linear": _candidate(profile)}, before, now or before, judged, profile)


def test_the_records_of_a_run_reach_the_gate(profile: Profile, judged: EvaluationFiles) -> None:
    assert (
        _held(profile, judged, describe_champion(_champion(profile, "linear"))).decision
        == "promote"
    )
    assert _held(profile, judged, describe_champion()).decision == "promote"
    wider = _champion(profile, "linear", horizons_weeks=[1, 2, 4, 8, 12])
    assert _held(profile, judged, describe_champion(wider)).decision == "keep"


def test_what_a_person_took_out_of_service_reaches_the_gate(
    profile: Profile, judged: EvaluationFiles
) -> None:
    now = describe_champion(_champion(profile, "linear"), rolled_back=["bundle-new"])
    found = _held(profile, judged, now)
    assert found.decision == "keep"
    assert "taken out of service" in found.reasons[-1]


def test_a_champion_that_changed_meanwhile_is_kept_with_the_reason_written(
    profile: Profile, judged: EvaluationFiles
) -> None:
    was = _champion(profile, "linear")
    found = _held(
        profile,
        judged,
        describe_champion(was),
        describe_champion(was.model_copy(update={"bundle_id": "b"})),
    )
    assert found.decision == "keep"
    assert found.champion is not None
    assert "changed from bundle-old to b" in found.reasons[0]


def test_a_champion_of_another_label_rule_is_kept_with_how_to_change_the_rule(
    profile: Profile, judged: EvaluationFiles
) -> None:
    other = _champion(profile, "linear").model_copy(update={"label_rule_id": "another_rule"})
    found = _held(profile, judged, describe_champion(other))
    assert found.decision == "keep"
    assert "answer different questions" in found.reasons[0] and "adopt-rule" in found.reasons[0]


@pytest.mark.parametrize("when", ["before", "now"])
def test_not_to_know_who_serves_is_no_leave_to_take_the_place(
    when: str, profile: Profile, judged: EvaluationFiles
) -> None:
    blind, known = (
        describe_champion(problem="MLflow does not answer."),
        describe_champion(_champion(profile, "linear")),
    )
    found = _held(profile, judged, *((blind, known) if when == "before" else (known, blind)))
    assert found.decision == "keep"
    assert "MLflow does not answer" in found.reasons[0]
    assert _held(profile, judged, blind).decision == "keep"


def test_a_champion_that_cannot_be_read_is_named_and_kept(
    profile: Profile, judged: EvaluationFiles
) -> None:
    named = {"version": "3", "bundle_id": "bundle-old"}
    found = _held(profile, judged, describe_champion(named=named, problem="It is damaged."))
    assert found.decision == "keep"
    assert found.champion is not None
    assert (found.champion["version"], found.champion["head"]) == ("3", "unknown")


def _no_backtest(files: EvaluationFiles) -> None:
    files.predictions[0].unlink()


def _damaged_backtest(files: EvaluationFiles) -> None:
    files.predictions[0].write_bytes(b"PAR1 but no more")


def _no_metrics(files: EvaluationFiles) -> None:
    files.metrics.unlink()


def _metric_absent(files: EvaluationFiles) -> None:
    files.metrics.write_text(files.metrics.read_text().replace("brier", "brier_score"))


def _metric_null(files: EvaluationFiles) -> None:
    files.metrics.write_text(files.metrics.read_text().replace("0.2", "null"))


def _metric_nan(files: EvaluationFiles) -> None:
    files.metrics.write_text(files.metrics.read_text().replace("0.2", "NaN"))


@pytest.mark.parametrize(
    "damage",
    [
        _no_backtest,
        _damaged_backtest,
        _no_metrics,
        _metric_absent,
        _metric_null,
        _metric_nan,
    ],
)
def test_what_cannot_be_read_keeps_the_champion_and_says_so(
    damage: Any, profile: Profile, judged: EvaluationFiles
) -> None:
    damage(judged)
    found = _held(profile, judged, describe_champion(_champion(profile, "linear")))
    assert found.decision == "keep"
    assert len(found.reasons[0]) > len("The comparison could not be made. ")
    json.dumps(found.to_json(), allow_nan=False)
    assert _held(profile, judged, describe_champion()).decision == "none"


def test_the_record_names_the_rules_even_if_nothing_was_compared(
    profile: Profile, judged: EvaluationFiles
) -> None:
    whole = _held(profile, judged, describe_champion())
    assert (whole.blocks, whole.origins) == (16, 4)
    _no_backtest(judged)
    for found in (whole, _held(profile, judged, describe_champion())):
        assert found.rules == profile.gate.model_dump(mode="json")
    assert {"margin_brier", "min_blocks", "block_weeks", "min_origins", "resamples", "seed"} <= set(
        found.rules
    )


def test_a_champion_over_trees_is_trained_over_trees_where_the_profile_lists_none(
    profile: Profile,
) -> None:
    trees: dict[str, Any] = {"kind": "boosting", "rounds": 40}
    theirs = load_profile("sample", **{"train.candidates": ("linear", trees, "early")})
    champion = _champion(theirs, "early")
    found = champion_profile(champion, profile)
    assert found is not None
    assert [one.kind for one in found[0].train.bases] == ["boosting"]
    assert found[0].recipe_id("early") == champion.recipe_id
    assert found[1] == ("early",)


def test_a_champion_recorded_before_there_were_other_bases_is_trained_over_the_linear_model(
    profile: Profile,
) -> None:
    recorded = _champion(profile, "early")
    listed = load_profile("sample", **{"train.candidates": ("linear", "boosting", "early")})
    found = champion_profile(recorded, listed)
    assert found is not None
    assert found[0].train.bases == ()
    assert found[0].recipe_id("early") == recorded.recipe_id
