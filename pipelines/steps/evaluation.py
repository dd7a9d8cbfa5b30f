"""From predictions of past years to a decision: evaluate, gate."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pipelines.errors import GateError
from pipelines.run import Run, open_run
from pipelines.run import outputs as out
from pipelines.steps.decorator import step
from pipelines.steps.spaces import champions_features
from pipelines.steps.training import backtest_years

log = logging.getLogger(__name__)


@step
def evaluate(run_id: str) -> out.EvaluateOutput:
    """Score heads and baselines on equal rows over all test years."""
    from pipelines.steps.kept_metrics import metrics_file

    run = open_run(run_id)
    years = [run.output(out.BacktestOutput, year) for year in backtest_years(run_id)]
    if not years:
        raise GateError(
            "no year can be judged: history holds none that is complete and has two years before "
            "it",
            where=run_id,
            fix=(
                "wait for more weeks, or send earlier ones; until then nothing serves that no one "
                "has judged"
            ),
        )
    files = [run.path(year.candidates) for year in years]
    return run.finish(
        out.EvaluateOutput(
            metrics=run.name(metrics_file(run, files, partial(_evaluated, run, files))),
            predictions=tuple(y.candidates for y in years),
            champion_predictions=tuple(y.champion for y in years if y.champion is not None),
        )
    )


def _evaluated(run: Run, files: Sequence[Path]) -> dict[str, object]:
    from pipelines.evaluate.backtest import read_predictions
    from pipelines.evaluate.summary import summarise
    from pipelines.steps.modalities import of_modalities

    predictions = read_predictions(files)
    return {**summarise(predictions, run.profile), **of_modalities(run, predictions)}


@step
def gate(run_id: str) -> out.GateOutput:
    """Decide whether a candidate may serve; keeps the champion on any doubt, with the reason."""
    from pipelines.evaluate.first_line import of_synthetic_scenes
    from pipelines.evaluate.gate_inputs import EvaluationFiles, run_gate
    from pipelines.registry.champion import describe_champion_with_retries
    from pipelines.steps.decided import require_same, serving_promotion
    from pipelines.steps.decision_record import keep
    from pipelines.steps.judged import leaving_out
    from pipelines.steps.newest import newest_weeks, with_withdrawn_drops

    run = open_run(run_id)
    trained, judged = run.output(out.TrainOutput).candidates, run.output(out.EvaluateOutput)
    now = with_withdrawn_drops(
        run, describe_champion_with_retries(run.paths, run.profile.model_name)
    )
    made = serving_promotion(run, trained, now.named)
    if made is not None:
        log.info(
            "this run has promoted bundle %s, and it serves: its decision is kept", made.bundle_id
        )
        return made
    paths = EvaluationFiles(
        predictions=[run.path(name) for name in judged.predictions],
        champion_predictions=[run.path(name) for name in judged.champion_predictions],
        metrics=run.path(judged.metrics),
    )
    decision = run_gate(
        trained,
        run.output(out.ChampionOutput),
        now,
        paths,
        run.profile,
        newest_weeks(run, now),
        partial(leaving_out, run),
        champions_features(run, now.champion) is not None,
    )
    snapshot = run.output(out.SnapshotOutput)
    if snapshot.synthetic_scenes:
        decision = replace(decision, first_line=of_synthetic_scenes(decision.first_line))
    output = out.GateOutput.model_validate(decision.to_json())
    require_same(run, output)
    kept = {"run_id": run_id, "as_of_week": snapshot.as_of_week, **output.to_json()}
    keep(run, kept)
    log.info("%s: %s", decision.decision, decision.first_line)
    return run.finish(output)
