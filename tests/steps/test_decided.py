"""Which decision of a run stands when the run is started again under its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.outputs import candidate, leave, made

from pipelines.config import DeploymentPaths, load_profile
from pipelines.errors import GateError
from pipelines.registry import audit
from pipelines.run import Run, RunParams
from pipelines.run.outputs import DeployOutput, GateOutput, NamedVersion
from pipelines.steps.decided import require_same, serving_promotion
from pipelines.storage import write_json

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
