"""What a run's evaluation says of image and text: the gap of each space, and what each brings."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pipelines.candidate_config import forecaster_kind
from pipelines.fusion.alignment import Shift
from pipelines.fusion.examples import Examples
from pipelines.run import Run
from pipelines.run import outputs as out
from pipelines.steps.training import backtest_years


def of_modalities(run: Run, predictions: pd.DataFrame) -> dict[str, object]:
    """`gaps` by head, and `modalities` if the profile asks; empty for a run without fused heads."""
    from pipelines.features.read import load_horizons

    heads = [h for h in run.profile.train.names if forecaster_kind(h).reads_vectors]
    if not heads:
        return {}
    folder = run.path(run.output(out.FeaturesOutput).features)
    asked = run.profile.evaluate
    primary = asked.primary_horizon_weeks
    rows = load_horizons(folder, asked.horizons_weeks if asked.modalities else (primary,))
    found: dict[str, object] = {"gaps": _gaps(run, heads, rows[primary])}
    if asked.modalities:
        found["modalities"] = _brought(run, heads, rows, predictions)
    return found


def _gaps(run: Run, heads: list[str], rows: Examples) -> dict[str, dict[str, object]]:
    from pipelines.evaluate.modality_gap import gap_of_space

    trained = run.output(out.TrainOutput).candidates
    return {
        head: gap_of_space(rows, _shift_of(run, trained[head])) for head in heads if head in trained
    }


def _shift_of(run: Run, candidate: out.TrainedCandidate) -> Shift | None:
    """What the candidate's head applies at the primary horizon; None if it has none."""
    from pipelines.fusion.bundle import load_bundle
    from pipelines.fusion.fused import FusedForecaster
    from pipelines.fusion.tensors import shift_of
    from pipelines.training.candidates import BUNDLE

    models = load_bundle(run.path(candidate.folder) / BUNDLE).models
    forecaster = models[run.profile.evaluate.primary_horizon_weeks].forecaster
    fused = forecaster.fused if isinstance(forecaster, FusedForecaster) else None
    return None if fused is None else shift_of(fused)


def _brought(
    run: Run, heads: list[str], rows: Mapping[int, Examples], predictions: pd.DataFrame
) -> dict[str, dict[str, object]]:
    from pipelines.evaluate.modalities import alone, brought

    hidden = alone(rows, run.profile, heads, backtest_years(run.run_id))
    return brought(predictions, hidden, run.profile)
