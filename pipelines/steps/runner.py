"""The pipeline without Airflow: all steps in order, one by its name, and the full lambda sweep."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from pipelines.errors import ConfigError
from pipelines.run import open_run
from pipelines.run.outputs import FeaturesOutput, PlanOutput, Record
from pipelines.steps.dataset import ingest, snapshot, validate
from pipelines.steps.embedding import embed_shard, features, plan_embedding
from pipelines.steps.evaluation import evaluate, gate
from pipelines.steps.publication import deploy, forecast, register, report
from pipelines.steps.scenes import fetch_scenes
from pipelines.steps.training import backtest, backtest_years, train

log = logging.getLogger(__name__)
Step = Callable[[str], Record]


class Embedded(Record):
    """Shards that were run, and inputs that were embedded in them."""

    shards: int
    embedded: int


class Replayed(Record):
    """Test years that were replayed."""

    years: tuple[int, ...]


def embed(run_id: str) -> Embedded:
    """Every shard of the plan, one after the other."""
    done = [embed_shard(run_id, shard) for shard in open_run(run_id).output(PlanOutput).shards]
    return Embedded(shards=len(done), embedded=sum(d.embedded for d in done))


def backtests(run_id: str) -> Replayed:
    """Every test year, one after the other."""
    return Replayed(years=tuple(backtest(run_id, year).year for year in backtest_years(run_id)))


STEPS: dict[str, Step] = {
    "fetch_scenes": fetch_scenes,
    "ingest": ingest,
    "validate": validate,
    "snapshot": snapshot,
    "plan_embedding": plan_embedding,
    "embed": embed,
    "features": features,
    "train": train,
    "backtest": backtests,
    "evaluate": evaluate,
    "gate": gate,
    "register": register,
    "deploy": deploy,
    "forecast": forecast,
    "report": report,
}


def by_name(name: str) -> Step:
    """A step of the pipeline. Raises ConfigError naming the steps there are."""
    if name not in STEPS:
        raise ConfigError(f"no step {name!r}", fix=f"use start, or one of {', '.join(STEPS)}")
    return STEPS[name]


def run_pipeline(run_id: str) -> None:
    """All steps of a started run, in order."""
    for at, (name, step) in enumerate(STEPS.items(), start=1):
        log.info("step %d of %d: %s", at, len(STEPS), name)
        step(run_id)


def sweep(run_id: str, step_size: float) -> dict[str, Any]:
    """Sweep lambda over -1..1 on a run's features, on validation seasons; see training/tune.py.

    Returns:
        head -> {lambda_shift, lambda_reason, epochs, lambda_curve, base, settings}.
    """
    from pipelines.candidate_config import forecaster_kind
    from pipelines.config import Profile
    from pipelines.data.splits import deploy_cut
    from pipelines.features.read import load_horizons
    from pipelines.training.recipe import train_recipe

    run = open_run(run_id)
    if not 0 < step_size <= 1:
        raise ConfigError(
            f"a sweep cannot step by {step_size}", fix="use a step between 0 and 1, such as 0.1"
        )
    steps = round(1 / step_size)
    grid = sorted({round(k * step_size, 6) for k in range(-steps, steps + 1)} | {0.0})
    raw = run.profile.model_dump()
    raw["train"]["lambda_grid"] = [value for value in grid if abs(value) <= 1]
    profile = Profile.model_validate(raw)
    built = run.output(FeaturesOutput)
    folder = run.path(built.features)
    examples = load_horizons(folder, profile.evaluate.horizons_weeks)
    cut = deploy_cut(profile.calendar.week_no(built.as_of_week), profile.data.outcome_delay_weeks)
    found: dict[str, Any] = {}
    for head in (h for h in profile.train.names if forecaster_kind(h).reads_vectors):
        fitted = train_recipe(examples, head, profile, dict.fromkeys(examples, cut))
        found[head] = {
            "lambda_shift": fitted.lambda_shift,
            "lambda_reason": fitted.lambda_reason,
            "epochs": fitted.epochs,
            "lambda_curve": fitted.lambda_curve,
            "base": {} if fitted.base is None else fitted.base.to_json(),
            "settings": fitted.settings,
        }
    run.keep("sweep.json", found)
    return found
