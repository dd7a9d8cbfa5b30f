"""What a process that forks one child a step loads before it forks.

Two thirds of a week in which nothing is new were imports, the same ones again in each of twenty
processes. A process that stays, such as an executor's, loads them once; its children share the
memory. Of encoders the libraries alone, never one with its weights: it works in a child of the
step, which ends with it.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

from pipelines.config import load_profile
from pipelines.embed.openvino_network import openvino
from pipelines.errors import DenguardError
from pipelines.run.apart import loaded_here

log = logging.getLogger(__name__)

# Modules that steps import while they run; what these import comes with them.
ROOMS = (
    "pipelines.data.label_formulas",
    "pipelines.data.plausible.causes",
    "pipelines.data.plausible.listed",
    "pipelines.data.samples",
    "pipelines.data.sources.sample",
    "pipelines.data.validate",
    "pipelines.embed.child",
    "pipelines.embed.hf_text",
    "pipelines.embed.plan",
    "pipelines.embed.run",
    "pipelines.embed.sync",
    "pipelines.embed.timm_image",
    "pipelines.evaluate.backtest",
    "pipelines.evaluate.gate_inputs",
    "pipelines.evaluate.kept_backtests",
    "pipelines.evaluate.modality_gap",
    "pipelines.evaluate.report",
    "pipelines.features.build",
    "pipelines.features.publication",
    "pipelines.fusion.fused",
    "pipelines.fusion.heads",
    "pipelines.fusion.tensors",
    "pipelines.models.fused",
    "pipelines.models.linear",
    "pipelines.registry.champion",
    "pipelines.registry.deploy",
    "pipelines.registry.register",
    "pipelines.steps.bulletin",
    "pipelines.steps.champions_backtest",
    "pipelines.steps.decided",
    "pipelines.steps.kept_dataset",
    "pipelines.steps.kept_metrics",
    "pipelines.steps.modalities",
    "pipelines.steps.newest",
    "pipelines.steps.versions",
    "pipelines.training.candidates",
    "pipelines.training.fused",
    "pipelines.versioning",
)
# Imported by functions of the rooms alone, or by these libraries when they first do something.
LIBRARIES = (
    "torch",
    "torch._dynamo",  # what makes an optimizer
    "torch.profiler._cupti_monitor",
    "great_expectations.render.renderer.site_builder",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "pandas.core.arrays.arrow.extension_types",
    "pandas.core.methods.to_dict",
    "pandas.core.reshape.reshape",
    "pandas.io.formats.csvs",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sqlalchemy",
    "alembic.command",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.store.model_registry.sqlalchemy_workspace_store",
)
# Of the extra `encoders`, in this order: the first makes the others' imports work.
ENCODERS = ("pipelines.embed.torchvision_ops", "timm", "transformers.models.bert.modeling_bert")


def preload(meanwhile: Callable[[], object] = lambda: None) -> None:
    """Import all of it. What cannot be imported is left to the step that needs it, which says why.

    For the process's own thread, before it starts others: children are forked from it.

    Args:
        meanwhile: called after each import; it may fork.
    """
    encoders = ENCODERS if find_spec("timm") and find_spec("transformers") else ()
    work: list[tuple[str, Callable[[], object]]] = [
        (name, partial(importlib.import_module, name)) for name in (*ROOMS, *LIBRARIES, *encoders)
    ]
    if find_spec("openvino"):
        work.append(("OpenVINO", openvino))
    work.append(("DVC", _load_dvc))
    work.append(("the installed distributions", _read_distributions))
    work.append(("the plug-ins", partial(load_profile, "ci")))  # it asks who brings what
    for what, load in work:
        _if_possible(what, load)
        meanwhile()
    loaded_here()


def _if_possible(what: str, load: Callable[[], object]) -> None:
    try:
        load()
    except (ImportError, DenguardError) as err:
        log.warning("%s is left to the steps that need it: %s", what, err)


def _load_dvc() -> None:
    from pipelines.versioning import dvc_chain

    dvc_chain.load()


def _read_distributions() -> None:
    """MLflow looks through every installed file before it first writes a model, and remembers."""
    from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

    warn_dependency_requirement_mismatches(["mlflow"])
