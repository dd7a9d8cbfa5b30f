"""The steps of the pipeline: one function a step, idempotent, safe to kill and to retry at any
instant.

Each step takes a run id, reads what earlier steps left in artifacts/runs/<run id>/, and leaves one
small JSON file there, last and atomically. Rooms are imported inside the steps, so that listing the
steps costs nothing.
"""

from pipelines.steps.cycle import cycle_start
from pipelines.steps.dataset import ingest, snapshot, start, validate
from pipelines.steps.embedding import embed_shard, features, plan_embedding
from pipelines.steps.evaluation import evaluate, gate
from pipelines.steps.fallback import at_deadline, fallback, fallback_for_run
from pipelines.steps.publication import deploy, forecast, register, report
from pipelines.steps.runner import by_name, run_pipeline, sweep
from pipelines.steps.scenes import fetch_scenes
from pipelines.steps.training import backtest, backtest_years, train

__all__ = [
    "at_deadline",
    "backtest",
    "backtest_years",
    "by_name",
    "cycle_start",
    "deploy",
    "embed_shard",
    "evaluate",
    "fallback",
    "fallback_for_run",
    "features",
    "fetch_scenes",
    "forecast",
    "gate",
    "ingest",
    "plan_embedding",
    "register",
    "report",
    "run_pipeline",
    "snapshot",
    "start",
    "sweep",
    "train",
    "validate",
]
