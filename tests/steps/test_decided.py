"""Which decision of a run stands when the run is started again under its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.outputs import candidate, leave, made

from pipelines.config import DeploymentPaths, load_profile
from pipelines.errors import GateError
from pipelines.evaluate import decision_log
from pipelines.registry import audit
from pipelines.run import Run, RunParams
from pipelines.run.outputs import DeployOutput, GateOutput, NamedVersion
from pipelines.steps.decided import require_same, serving_promotion
from pipelines.steps.decision_record import keep, reason_for_audit
from pipelines.storage import read_json, write_json

MADE = made(GateOutput, decision="promote", bundle_id="b1")
KEPT = MADE.model_copy(update={"decision": "keep"})
SERVES = NamedVersion(version="3", bundle_id="b1")
OWN = {"linear": candidate(bundle_id="b1")}
MOVE = {
    "action": "promote",
    "model_name": "denguard",
    "run_id": "a-run",
    "from_version": None,
    "to_version": "3",
    "bundle_id": "b1",
    "by": "Ana",
    "reason": "r",
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run("a-run", RunParams(profile="ci"), load_profile("ci"), DeploymentPaths(home=tmp_path))
    run.finish(MADE)
    return run


def _audited(run: Run) -> None:
    audit.append(run.paths, **MOVE)


def _under_way(run: Run) -> None:
    write_json(audit.audit_file(run.paths).parent / "intent.json", {"facts": MOVE, "target": {}})


def _deployed_elsewhere(run: Run) -> None:
    leave(run, DeployOutput, deployed=True)


@pytest.mark.parametrize("served", [_audited, _under_way, _deployed_elsewhere])
def test_no_other_decision_is_written_over_one_by_which_a_version_came_to_serve(
    run: Run, served: Callable[[Run], None]
) -> None:
    served(run)
    require_same(run, MADE)
    with pytest.raises(GateError, match="is not written over"):
        require_same(run, KEPT)


def test_a_decision_by_which_nothing_served_yet_may_be_another_one(run: Run) -> None:
    audit.append(run.paths, **{**MOVE, "run_id": "another-run"})
    require_same(run, KEPT)
    assert serving_promotion(run, OWN, SERVES) is None


def test_it_stands_while_its_bundle_serves_and_is_a_candidate_of_the_run(run: Run) -> None:
    _audited(run)
    assert serving_promotion(run, OWN, SERVES) == MADE
    assert serving_promotion(run, OWN, None) is None
    assert serving_promotion(run, OWN, SERVES.model_copy(update={"bundle_id": "b2"})) is None
    assert serving_promotion(run, {"linear": candidate(bundle_id="b2")}, SERVES) is None


# Every decision of a run is kept.


def told(decision: str, why: str) -> dict[str, object]:
    return {"run_id": "a-run", "decision": decision, "reasons": [why]}


def test_a_decision_that_is_made_again_keeps_the_one_before_and_names_it(run: Run) -> None:
    folder = run.paths.artifacts / "decisions"
    for number, decision in enumerate(("keep", "promote", "keep"), start=1):
        keep(run, told(decision, f"reason {number}"))
    newest = read_json(folder / "a-run.json")
    assert (newest["decision"], newest["decision_no"]) == ("keep", 3)
    assert newest["decided_before"] == "artifacts/decisions/earlier/a-run.2.json"
    second = read_json(run.paths.home / str(newest["decided_before"]))
    assert (second["decision"], second["decision_no"]) == ("promote", 2)
    assert read_json(run.paths.home / str(second["decided_before"])) == told("keep", "reason 1")


def test_the_same_decision_again_is_not_another_one(run: Run) -> None:
    for _ in range(3):
        keep(run, told("keep", "the same"))
    assert read_json(run.paths.artifacts / "decisions" / "a-run.json") == told("keep", "the same")
    assert not (run.paths.artifacts / "decisions" / "earlier").exists()


def test_the_decision_of_another_machine_is_kept_too(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path / "store"))
    keep(run, told("keep", "here"))
    there = replace(run, paths=DeploymentPaths(home=tmp_path / "there"))
    keep(there, told("promote", "there"))
    assert read_json(run.path("artifacts/decisions/earlier/a-run.1.json")) == told("keep", "here")
    assert read_json(run.path("artifacts/decisions/a-run.json"))["decision_no"] == 2


def test_the_audit_names_which_decision_of_the_run_promoted(run: Run) -> None:
    keep(run, told("keep", "in doubt"))
    assert reason_for_audit(run, "better") == "better", "of a run's first nothing need be said"
    keep(run, told("promote", "better"))
    assert reason_for_audit(run, "better") == (
        "better (decision 2 of the run; artifacts/decisions/earlier/a-run.1.json)"
    )


def test_people_are_told_of_the_decision_before(run: Run) -> None:
    keep(run, told("keep", "in doubt"))
    keep(run, told("promote", "better"))
    lines = decision_log.in_words(decision_log.decision_of("a-run", run.paths))
    assert lines[-1] == (
        "decision 2 of the run; before it: artifacts/decisions/earlier/a-run.1.json"
    )
    assert [one["run_id"] for one in decision_log.decisions(run.paths)] == ["a-run"]
