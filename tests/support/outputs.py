"""Outputs of steps for tests that need a step's file and not its work.

What a test does not name is as a run of the ci profile left it: tests/run/stored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pipelines.run import Run
from pipelines.run.outputs import ChampionOutput, ServingModel, StepOutput, TrainedCandidate

STORED = Path(__file__).parents[1] / "run" / "stored"
Output = TypeVar("Output", bound=StepOutput)


def stored(step: str) -> dict[str, Any]:
    """A step's JSON as it was stored, such as `snapshot` or `backtest_2018`."""
    found: dict[str, Any] = json.loads((STORED / f"{step}.json").read_text(encoding="utf-8"))
    return found


def made(kind: type[Output], **facts: Any) -> Output:
    """The output of a step that is one file, with these fields of its own."""
    return kind.model_validate({**stored(kind.step), **facts})


def leave(run: Run, kind: type[Output], **facts: Any) -> Output:
    """The same, left in a run's folder as if the step had run."""
    return run.finish(made(kind, **facts))


def candidate(**facts: Any) -> TrainedCandidate:
    """A candidate of the train step."""
    known = stored("train")["candidates"]["linear"]
    return TrainedCandidate.model_validate({**known, "weights_id": "", **facts})


def serving(**facts: Any) -> ServingModel:
    """A champion as the registry describes it; its label rule and horizons are nobody's."""
    known = stored("champion")["champion"]
    free = {"weights_id": "", "label_rule_id": "", "horizons_weeks": None}
    return ServingModel.model_validate({**known, **free, **facts})


def describe_champion(champion: ServingModel | None = None, **changed: Any) -> ChampionOutput:
    """What registry/champion.py says."""
    named = champion and {"version": champion.version, "bundle_id": champion.bundle_id}
    facts = {"champion": champion, "named": named, "problem": None, "rolled_back": ()}
    return ChampionOutput.model_validate({**facts, **changed})
