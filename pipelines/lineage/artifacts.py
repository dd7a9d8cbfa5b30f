"""Descriptions of datasets, features, bundles and forecasts, read from the files inside them.

So an artifact is known even if the run that made it was removed.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from pipelines.errors import DenguardError
from pipelines.fusion.bundle_files import DESCRIPTION, bundle_id
from pipelines.lineage.graph import LIES_AT, Graph, Kind, Node
from pipelines.lineage.reader import Reader
from pipelines.lineage.runs import DEFAULT_MODEL, drop_id, read_drops_named, version_id
from pipelines.run.withdrawn import withdrawn

Describe = Callable[[Graph, Node, Reader], None]
_IN_FOLDERS: tuple[Kind, ...] = ("dataset", "features", "forecast")  # of that name
RESTORE = (
    "restore the folder from its version (`denguard pull`), or run the step that made it again"
)
_DATASET_FACTS = ("as_of_week", "rows", "units", "label_rule_id", "synthetic_scenes")
_FEATURE_FACTS = ("as_of_week", "rows", "embedding_version", "label_rule_id", "synthetic_scenes")
_BUNDLE_FACTS = (
    "as_of_week",
    "head",
    "lambda_shift",
    "recipe_id",
    "horizons_weeks",
    "label_rule_id",
)
_FORECAST_FACTS = ("origin_week", "rows", "horizons_weeks", "outbreaks_expected")
_ROW_FACTS = ("model_version", "bundle_id", "dataset_version", "embedding_version", "head")


def read_artifacts(graph: Graph, reader: Reader) -> None:
    """Add what lies under artifacts/ and data/drops, named by a run or not. Runs come first."""
    for kind in _IN_FOLDERS:
        for folder in reader.folders(LIES_AT[kind].removesuffix("/{}")):
            graph.add(kind, folder.name)
    _find_bundles(graph, reader)
    _find_drops(graph, reader)
    for kind, read in _DESCRIBE.items():
        for node in graph.of_kind(kind):
            if node.path:
                _describe(graph, reader, node, read)


def read_withdrawn(graph: Graph, reader: Reader) -> None:
    """Say of drops and forecasts that they were withdrawn, when, by whom and why."""
    drops, forecasts = withdrawn(reader.paths, "drop"), withdrawn(reader.paths, "forecast")
    for node in (*graph.of_kind("drop"), *graph.of_kind("forecast")):
        records = drops if node.kind == "drop" else forecasts
        if record := records.get(str(node.facts.get("received_date", node.id))):
            node.facts["withdrawn"] = record.words()


def _describe(graph: Graph, reader: Reader, node: Node, read: Describe) -> None:
    try:
        read(graph, node, reader)
    except (FileNotFoundError, NotADirectoryError):
        return  # verify.py names what is absent
    except (
        DenguardError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        OSError,
    ) as err:
        cause = err.what if isinstance(err, DenguardError) else f"{type(err).__name__}: {err}"
        what = f"the description of {node.title} cannot be read: {cause}"
        graph.fault(node.key, what, str(node.path), RESTORE)


def _find_bundles(graph: Graph, reader: Reader) -> None:
    """Fetched copies, and candidates that no run names any more."""
    for folder in reader.folders("artifacts/bundles"):
        name = f"artifacts/bundles/{folder.name}"
        key = graph.add("bundle", folder.name, name)
        graph.nodes[key].facts["fetched_copy"] = name
    named = {node.path for node in graph.of_kind("bundle")}
    for folder in reader.folders("artifacts/candidates"):
        name = f"artifacts/candidates/{folder.name}/bundle"
        if name not in named and (folder / "bundle").is_dir():
            graph.add("bundle", bundle_id(folder / "bundle"), name)


def _find_drops(graph: Graph, reader: Reader) -> None:
    """Drops that no run has read yet."""
    read = {node.facts.get("received_date") for node in graph.of_kind("drop")}
    for folder in reader.folders("data/drops"):
        if folder.name not in read:
            graph.add(
                "drop",
                drop_id(folder.name, None),
                f"data/drops/{folder.name}",
                received_date=folder.name,
                note="no run has read it yet",
            )


def _describe_dataset(graph: Graph, node: Node, reader: Reader) -> None:
    about = reader.describe(str(node.path), "dataset.json")
    graph.add("dataset", node.id, **{name: about.get(name) for name in _DATASET_FACTS})
    read_drops_named(graph, node.key, about["drops"])


def _describe_features(graph: Graph, node: Node, reader: Reader) -> None:
    about = reader.describe(str(node.path), "features.json")
    facts = {name: about.get(name) for name in _FEATURE_FACTS}
    encoders = {modality: _encoder(about[modality]) for modality in ("image", "text")}
    brought = {"brought": about["brought"]} if "brought" in about else {}
    graph.add("features", node.id, encoders=encoders, **facts, **brought)
    graph.link(graph.add("dataset", about["dataset_version"]), node.key)


def _encoder(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: spec.get(name) for name in ("encoder", "weights_sha256", "code_id")}


def _describe_bundle(graph: Graph, node: Node, reader: Reader) -> None:
    meta = reader.describe(str(node.path), DESCRIPTION)["meta"]
    graph.add("bundle", node.id, **{name: meta.get(name) for name in _BUNDLE_FACTS})
    graph.link(graph.add("features", meta["feature_version"]), node.key)


def _describe_forecast(graph: Graph, node: Node, reader: Reader) -> None:
    import pyarrow.parquet as pq

    about = reader.describe(str(node.path), "forecast.json")
    table = io.BytesIO(reader.read(str(node.path), "forecast.parquet"))
    made_by = pq.read_table(table, columns=list(_ROW_FACTS)).slice(0, 1).to_pylist()[0]
    facts = {name: about.get(name) for name in _FORECAST_FACTS}
    graph.add("forecast", node.id, **facts, **made_by)
    # a forecast that no finished run made names what it was made from itself
    model = str(node.facts.get("model_name", about.get("model_name", DEFAULT_MODEL)))
    if named := about.get("feature_version"):
        graph.link(graph.add("features", str(named)), node.key)
    for name in ("data_state", "why"):
        if about.get(name):
            node.facts[name] = about[name]
    bundle = graph.add("bundle", made_by["bundle_id"])
    version = version_id(model, made_by["model_version"])
    graph.link(bundle, node.key)
    graph.link(graph.add("model_version", version, parents=[bundle]), node.key)
    if not graph.next(node.key, "up", "features"):
        for features in _features_of(graph, made_by):
            graph.link(features, node.key)


def _features_of(graph: Graph, made_by: dict[str, Any]) -> list[str]:
    """Feature versions that a forecast of which no run is left may have read."""
    return [
        node.key
        for node in graph.of_kind("features")
        if node.facts.get("embedding_version") == made_by["embedding_version"]
        and f"dataset:{made_by['dataset_version']}" in graph.next(node.key, "up")
    ]


_DESCRIBE: dict[Kind, Describe] = {
    "dataset": _describe_dataset,
    "features": _describe_features,
    "bundle": _describe_bundle,
    "forecast": _describe_forecast,
}
