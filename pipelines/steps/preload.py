"""What a process that forks one child a step loads before it forks.

Two thirds of a week in which nothing is new were imports, the same ones again in each of twenty
processes. A process that stays, such as an executor's, loads them once; its children share the
memory. Not the encoders' libraries: an encoder works in a process that it does not share.
"""

from __future__ import annotations

import importlib
import logging

from pipelines.errors import DenguardError

log = logging.getLogger(__name__)

# Modules that steps import while they run; what these import comes with them.
ROOMS = (
    "pipelines.data.samples",
    "pipelines.data.sources.sample",
    "pipelines.data.validate",
    "pipelines.embed.plan",
    "pipelines.embed.run",
    "pipelines.evaluate.backtest",
    "pipelines.evaluate.gate_inputs",
    "pipelines.evaluate.modality_gap",
    "pipelines.evaluate.report",
    "pipelines.features.build",
    "pipelines.fusion.fused",
    "pipelines.models.linear",
    "pipelines.registry.champion",
    "pipelines.registry.deploy",
    "pipelines.registry.register",
    "pipelines.steps.bulletin",
    "pipelines.steps.newest",
    "pipelines.training.candidates",
    "pipelines.versioning",
)
# Imported by functions of the rooms alone.
LIBRARIES = (
    "torch",
    "torch._dynamo",  # what makes an optimizer
    "matplotlib.figure",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sqlalchemy",
    "alembic.command",
)


def preload() -> None:
    """Import all of it. What cannot be imported is left to the step that needs it, which says why.

    For the process's own thread, before it starts others: children are forked from it.
    """
    for name in (*ROOMS, *LIBRARIES):
        try:
            importlib.import_module(name)
        except (ImportError, DenguardError) as err:
            log.warning("%s is left to the steps that need it: %s", name, err)
