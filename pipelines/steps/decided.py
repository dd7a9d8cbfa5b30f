"""A run that is started again under its name, and the decision by which it promoted.

The record of a promotion is what people and the audit go by. No second try of its run may write
another one over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pipelines.errors import GateError, StoreError
from pipelines.fusion.bundle import bundle_id
from pipelines.run import Run
from pipelines.run import outputs as out
from pipelines.steps.judged import folder_of_decision
from pipelines.training.candidates import BUNDLE

Output = TypeVar("Output", bound=out.StepOutput)


def serving_promotion(
    run: Run, candidates: Mapping[str, out.TrainedCandidate], named: out.NamedVersion | None
) -> out.GateOutput | None:
    """The run's own decision that promoted one of these candidates, if that one serves now; or
    None.
    """
    made = _promoted(run)
    if made is None or named is None or made.bundle_id != named.bundle_id:
        return None
    own = {candidate.bundle_id for candidate in candidates.values()}
    if made.withheld and made.head in candidates:
        own.add(bundle_id(folder_of_decision(run, made) / BUNDLE))
    return made if made.bundle_id in own else None


def require_same(run: Run, decision: out.GateOutput) -> None:
    """Raise GateError if the run promoted by another decision than this one."""
    made = _promoted(run)
    if made is not None and made != decision:
        raise GateError(
            f"run {run.run_id} promoted bundle {made.bundle_id} before, and would now decide "
            "otherwise: that record is not written over",
            where=f"artifacts/decisions/{run.run_id}.json",
            fix="start a run of another name; what serves is not touched",
        )


def _promoted(run: Run) -> out.GateOutput | None:
    """The run's decision, if a version came to serve by it."""
    from pipelines.registry import audit
    from pipelines.registry.aliases import pending_transition

    decision = _output(run, out.GateOutput)
    if decision is None or decision.decision != "promote":
        return None
    moves = [
        *audit.read_trail(run.paths).entries,
        pending_transition(run.paths, run.profile.model_name) or {},
    ]
    audited = any(
        move.get("run_id") == run.run_id and move.get("action") == "promote" for move in moves
    )
    # The audit lies on the machine of the deploy step; what that step wrote is everywhere.
    deployed = _output(run, out.DeployOutput)
    return decision if audited or (deployed and deployed.deployed) else None


def _output(run: Run, kind: type[Output]) -> Output | None:
    try:
        return run.output(kind)
    except StoreError:
        return None
