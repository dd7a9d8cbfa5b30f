"""The bundle that a run's gate judged: a candidate's own, or one that leaves out some of its
horizons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pipelines.evaluate.decision import Candidate
from pipelines.fusion.bundle import bundle_id
from pipelines.run import Run
from pipelines.run.outputs import GateOutput, TrainOutput
from pipelines.training.candidates import BUNDLE
from pipelines.training.left_out import left_out


def judged_folder(run: Run, head: str, without: Iterable[int] = ()) -> Path:
    """The folder of the run's candidate of this head, without these horizons."""
    whole = run.path(run.output(TrainOutput).candidates[head].folder)
    return left_out(whole, set(without))


def leaving_out(run: Run, candidate: Candidate, without: tuple[int, ...]) -> Candidate:
    """The candidate of the same models whose bundle leaves out these horizons."""
    folder = judged_folder(run, candidate.head, without)
    return replace(candidate, bundle_id=bundle_id(folder / BUNDLE), without=without)


def folder_of_decision(run: Run, decision: GateOutput) -> Path:
    """The folder of the bundle that a decision names."""
    return judged_folder(run, str(decision.head), map(int, decision.withheld))
