"""Which links of a trace do not hold: what is missing, changed, or recorded nowhere.

Every fault names what, where and what to do, and the trace goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError
from pipelines.lineage.artifacts import RESTORE
from pipelines.lineage.graph import Graph, Kind, Node, key_of
from pipelines.lineage.pruned import day_of, pruned_on
from pipelines.lineage.reader import Reader
from pipelines.storage import folder_id, manifest_of, sha256_file

_SIGN: dict[Kind, str] = {  # a file without which a folder is not what it should be
    "drop": "drop.yaml",
    "dataset": "dataset.json",
    "features": "features.json",
    "bundle": "bundle.json",
    "forecast": "forecast.parquet",
}
_FILES: tuple[Kind, ...] = ("validation", "decision", "report")
_PUBLISHED: dict[str, Kind] = {  # kind of a version -> what it is in lineage
    "samples": "dataset",
    "features": "features",
    "bundle": "bundle",
    "forecasts": "forecast",
}
_VERSIONS = "artifacts/versions"
_INDEX, _REMOTE = f"{_VERSIONS}/index.json", "<remote>/versions/"
_DROP_BACK = "restore the folder as it was received; bring corrections as a new drop"


def check_all(
    graph: Graph, traced: Iterable[str], reader: Reader, registry_answers: bool, by_content: bool
) -> None:
    """Add a fault to the graph for every link of the trace that does not hold.

    Args:
        registry_answers: False leaves out what only the registry can say.
        by_content: recompute hashes of drops and folders; this reads every byte of them.
    """
    accepted, published = _accepted(reader.paths), _published(graph, reader.paths)
    pruned = pruned_on(reader.paths)
    for key in traced:
        node = graph.nodes[key]
        there = _is_there(graph, node, reader, pruned)
        if node.kind == "drop":
            _check_accepted(graph, node, accepted)
        _check_version(graph, node, reader, published.get(key, []), pruned)
        if registry_answers:
            _check_registered(graph, node, pruned)
        if by_content and there:
            _check_content(graph, node, reader)


def _is_there(graph: Graph, node: Node, reader: Reader, pruned: dict[str, str]) -> bool:
    """Whether the thing lies where it should; a fault if it does not and was not pruned."""
    if node.kind not in _SIGN and node.kind not in _FILES:
        return True
    copies = [name for name in (node.path, node.facts.get("fetched_copy")) if name]
    if any((reader.local(name) / _SIGN.get(node.kind, "")).is_file() for name in copies):
        return True
    if any(reader.elsewhere(name) for name in copies):
        graph.nodes[node.key].facts["held_by"] = reader.paths.artifacts_uri
        return False
    names = [*copies, *graph.next(node.key, "down", "model_version")]
    if days := [day for name in names if (day := day_of(pruned, name))]:
        node.facts["pruned"] = max(days)
        return False
    where = " and ".join(copies) or f"no copy of {node.id} is known"
    fix = _DROP_BACK if node.kind == "drop" else RESTORE
    if node.kind == "bundle" and _is_registered(graph, node.key):
        fix = (
            "the registry holds it: the next forecast that needs it fetches it, or `denguard "
            "pull` does"
        )
    elif node.kind in _FILES:
        fix = "run that step of the run again, or restore the file from a backup"
    graph.fault(node.key, f"{node.title} is missing", where, fix)
    return False


def _accepted(paths: DeploymentPaths) -> dict[str, str]:
    from pipelines.data.intake import accepted_drops

    try:
        return accepted_drops(paths)
    except DenguardError:
        return {}  # without a pointer there is nothing to compare with


def _check_accepted(graph: Graph, node: Node, accepted: dict[str, str]) -> None:
    """A drop with another content than the accepted one was changed between two runs."""
    recorded, now = node.facts.get("sha256"), accepted.get(str(node.facts.get("received_date")))
    if recorded and now and recorded != now:
        graph.fault(
            node.key,
            f"{node.title} had content {recorded} in this run, the accepted one has {now}",
            str(node.path),
            _DROP_BACK,
        )


def node_of(entry: Mapping[str, Any]) -> str:
    """Key of the thing that was published as a version; "" for one that is no node."""
    kind, identity = str(entry.get("kind")), str(entry.get("id"))
    if kind == "report":
        return key_of("report", str(entry.get("run_id")))
    return key_of(_PUBLISHED[kind], identity.removeprefix(f"{kind}-")) if kind in _PUBLISHED else ""


def _published(graph: Graph, paths: DeploymentPaths) -> dict[str, list[dict[str, Any]]]:
    """The deployment's versions by node; an index that cannot be read is one fault."""
    from pipelines.versioning import read_index

    found: dict[str, list[dict[str, Any]]] = {}
    try:
        for entry in read_index(paths).values():
            found.setdefault(node_of(entry), []).append(entry)
    except (DenguardError, OSError, ValueError, KeyError, AttributeError) as err:
        graph.fault(
            None,
            f"the index of versions cannot be read: {err}",
            _INDEX,
            f"copy it back from {_REMOTE}index.json",
        )
    return found


def _check_version(
    graph: Graph,
    node: Node,
    reader: Reader,
    entries: list[dict[str, Any]],
    pruned: dict[str, str],
) -> None:
    """A version that was handed to DVC must be in the index, with its sidecar, or be pruned."""
    if node.kind in ("dataset", "features"):  # a run recorded which content DVC took
        entries = [e for e in entries if e.get("md5") == node.facts.get("dvc_md5", "not recorded")]
    went = f"{'samples' if node.kind == 'dataset' else node.kind}-{node.id}" in pruned
    missed = "dvc_md5" in node.facts and not entries and not went
    if missed and not reader.elsewhere(str(node.path)):
        graph.fault(
            node.key,
            f"{node.title} is not in the index of versions",
            _INDEX,
            f"copy the index back from {_REMOTE}index.json, or run the step that made the version "
            "again",
        )
    for entry in entries:
        node.facts["dvc_id"] = entry["id"]
        sidecar = f"{_VERSIONS}/{entry['id']}.dvc"
        if not reader.local(sidecar).is_file():
            graph.fault(
                node.key,
                f"DVC's sidecar of {node.title} is absent",
                sidecar,
                f"copy it back from {_REMOTE}",
            )


def _is_registered(graph: Graph, bundle: str) -> bool:
    made = graph.next(bundle, "down", "model_version")
    return any(graph.nodes[key].facts.get("registered") for key in made)


def _check_registered(graph: Graph, node: Node, pruned: dict[str, str]) -> None:
    """Versions and bundles that answered or forecast must be in the registry."""
    fix = "restore MLflow's database from a backup"
    if node.kind == "model_version" and not node.facts.get("registered"):
        if node.key in pruned:
            node.facts["pruned"] = pruned[node.key]
            return
        what = f"{node.title} is not in the registry"
        graph.fault(node.key, what, "MLflow", f"{fix}, or register the bundle again")
    if node.kind not in ("prediction", "predictions", "forecast"):
        return
    for key in graph.next(node.key, "up", "bundle"):
        went = any(child in pruned for child in graph.next(key, "down"))
        if not went and not _is_registered(graph, key):
            graph.fault(
                node.key,
                f"{node.title} was made by {graph.nodes[key].title}, which is not in the registry",
                "MLflow",
                f"{fix}; the bundle itself may lie under artifacts/",
            )


def _check_content(graph: Graph, node: Node, reader: Reader) -> None:
    """Compare every copy with the content that its name or the run's record promises."""
    wanted = _promised(node)
    for name in dict.fromkeys((node.path, node.facts.get("fetched_copy"))):
        if not name or not wanted or not reader.local(name).is_dir():
            continue
        try:
            found = _content(node, reader.local(name))
        except (DenguardError, OSError, ValueError) as err:
            found = f"not readable ({err})"
        if found != wanted:
            fix = _DROP_BACK if node.kind == "drop" else RESTORE
            graph.fault(
                node.key,
                f"{node.title} is damaged: its content is {found}, recorded was {wanted}",
                name,
                fix,
            )


def _promised(node: Node) -> str | None:
    """Content id that a folder must have; None for what is no folder named by its content."""
    if node.kind == "drop":
        return node.facts.get("sha256")
    if node.kind == "forecast":
        return node.id.rpartition("-")[2]
    return node.id if node.kind in ("dataset", "features", "bundle") else None


def _content(node: Node, folder: Path) -> str:
    """What a folder's content amounts to. A feature version names rows and their meaning; its
    vectors lie in shards that are named by their own hash."""
    if node.kind != "features":
        return folder_id(manifest_of(folder))
    from pipelines.features.build import version_of

    torn = [p.name for p in folder.glob("shards/*/*.parquet") if sha256_file(p) != p.stem]
    return f"a damaged shard {torn[0]}" if torn else version_of(folder)
