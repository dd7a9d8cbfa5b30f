"""What each step of a run hands on: one frozen model a step, one small JSON file a model.

A field with a default is one that an earlier version did not write, or that a step leaves out.
"""

from pipelines.run.outputs.base import (
    Free,
    Record,
    StepOutput,
)
from pipelines.run.outputs.data import (
    FeaturesOutput,
    FeatureVersion,
    FixedDrop,
    IngestOutput,
    LateScene,
    PlanOutput,
    SceneFetchOutput,
    ShardOutput,
    SnapshotOutput,
    ToEmbed,
    ValidateOutput,
)
from pipelines.run.outputs.judged import (
    BacktestOutput,
    ChampionOutput,
    EvaluateOutput,
    GateOutput,
    JudgedAgainst,
    NamedVersion,
    ServingModel,
    TrainedCandidate,
    TrainOutput,
)
from pipelines.run.outputs.released import (
    SERVING,
    DeployOutput,
    FallbackOutput,
    ForecastOutput,
    RegisterOutput,
    ReportOutput,
)

__all__ = [
    "SERVING",
    "BacktestOutput",
    "ChampionOutput",
    "DeployOutput",
    "EvaluateOutput",
    "FallbackOutput",
    "FeatureVersion",
    "FeaturesOutput",
    "FixedDrop",
    "ForecastOutput",
    "Free",
    "GateOutput",
    "IngestOutput",
    "JudgedAgainst",
    "LateScene",
    "NamedVersion",
    "PlanOutput",
    "Record",
    "RegisterOutput",
    "ReportOutput",
    "SceneFetchOutput",
    "ServingModel",
    "ShardOutput",
    "SnapshotOutput",
    "StepOutput",
    "ToEmbed",
    "TrainOutput",
    "TrainedCandidate",
    "ValidateOutput",
]
