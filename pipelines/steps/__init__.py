"""The road: one function a box, idempotent, safe to kill at any instant and run again.

Each step takes a run id, reads what earlier steps left in artifacts/runs/<run id>/, and leaves one
small JSON file there, last and atomically. Rooms are imported inside the steps, so that listing the
road costs nothing.
"""

from pipelines.steps.cycle import cycle_start
from pipelines.steps.embedding import embed_shard, features, plan_embedding
from pipelines.steps.fallback import at_deadline, fallback, instead_of
from pipelines.steps.intake import ingest, snapshot, start, validate
from pipelines.steps.learning import backtest, backtest_years, evaluate, gate, train
from pipelines.steps.release import deploy, forecast, register, report
from pipelines.steps.walk import by_name, sweep, walk

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
    "features",
    "forecast",
    "gate",
    "ingest",
    "instead_of",
    "plan_embedding",
    "register",
    "report",
    "snapshot",
    "start",
    "sweep",
    "train",
    "validate",
    "walk",
]
