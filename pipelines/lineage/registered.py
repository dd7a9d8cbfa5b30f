"""What the registry says: model versions, their bundles and aliases, and the MLflow runs behind
them.

A registry that does not answer is a broken link, and the trace goes on without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pipelines.config import DeploymentPaths
from pipelines.errors import RegistryError
from pipelines.lineage.graph import Graph, Node
from pipelines.lineage.runs import version_id

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.tracking import MlflowClient

_PAGE = 1000
_FIX = "check MLFLOW_TRACKING_URI and that MLflow answers, then trace again"


def read_registry(graph: Graph, paths: DeploymentPaths) -> MlflowClient | None:
    """Add every model version; return a client for later questions, None if it does not answer."""
    from pipelines.registry.lookup import connect, registry_errors

    if not _expected(graph, paths):
        return None
    try:
        client = connect(paths)
        with registry_errors("the registry could not be listed"):
            for model, version in every_version(client):
                _read_version(graph, client, model, version)
    except RegistryError as err:
        graph.fault(None, f"the registry does not answer: {err.what}", err.where, _FIX)
        return None
    return client


def every_version(client: MlflowClient) -> Iterator[tuple[RegisteredModel, ModelVersion]]:
    """Each model version of a registry with its model, page by page."""
    for model in client.search_registered_models(max_results=_PAGE):
        token = None
        while token != "":
            page = client.search_model_versions(
                f"name = '{model.name}'", max_results=_PAGE, page_token=token
            )
            yield from ((model, version) for version in page)
            token = page.token or ""


def check_mlflow_runs(graph: Graph, client: MlflowClient, traced: Iterable[str]) -> None:
    """Ask for every MLflow run that was traced: it must be there, and name what its bundle
    names."""
    from pipelines.registry.lookup import registry_errors

    for key in traced:
        node = graph.nodes[key]
        if node.kind != "mlflow_run":
            continue
        try:
            with registry_errors(f"MLflow run {node.id} could not be read"):
                found = client.get_run(node.id)
        except RegistryError as err:
            graph.fault(
                key,
                err.what,
                f"MLflow run {node.id}",
                "restore MLflow's database from a backup; the files of the runs say the rest",
            )
            continue
        tags = found.data.tags
        graph.add("mlflow_run", node.id, run=found.info.run_name, decision=tags.get("decision"))
        _compare(graph, key, tags)


def _expected(graph: Graph, paths: DeploymentPaths) -> bool:
    """Whether there is or should be a registry: before the first one is made nothing is broken."""
    named = any(graph.of_kind("model_version")) or any(graph.of_kind("mlflow_run"))
    uri = paths.tracking_uri
    made = not uri.startswith("sqlite:") or (paths.artifacts / "mlflow").is_dir()
    return named or made


def _read_version(
    graph: Graph, client: MlflowClient, model: RegisteredModel, found: ModelVersion
) -> None:
    from pipelines.registry.lookup import BUNDLE_ID_TAG

    identity = found.tags.get(BUNDLE_ID_TAG)
    held = (alias for alias, version in model.aliases.items() if str(version) == str(found.version))
    key = graph.add("model_version", version_id(model.name, found.version))
    node = graph.nodes[key]
    node.facts.update(registered=True, bundle_id=identity, aliases=sorted(held))
    if found.tags.get("rolled_back"):
        node.facts["rolled_back"] = found.tags["rolled_back"]
    _compare_bundles(graph, node, identity)
    if not identity:
        graph.fault(
            key,
            f"{node.title} does not say which bundle it is",
            model.name,
            "register the run's bundle again",
        )
        return
    bundle = graph.add("bundle", identity)
    graph.link(bundle, key)
    if found.run_id:
        _read_source(graph, client, bundle, found.run_id)


def _read_source(graph: Graph, client: MlflowClient, bundle: str, run_id: str) -> None:
    """The MLflow run of a bundle, between it and the features that it was trained on."""
    run = graph.add("mlflow_run", run_id)
    features = graph.next(bundle, "up", "features")
    if not features:  # no copy of the bundle is left here: its run says what it was trained on
        named = client.get_run(run_id).data.tags.get("feature_version")
        features = [graph.add("features", named)] if named else []
    graph.add("mlflow_run", run_id, parents=features)
    graph.link(run, bundle)


def _compare_bundles(graph: Graph, version: Node, identity: str | None) -> None:
    """Runs and forecasts say which bundle a version is; the registry must say the same."""
    for parent in graph.next(version.key, "up", "bundle") if identity else ():
        if (named := graph.nodes[parent].id) != identity:
            graph.fault(
                version.key,
                f"{version.title} is bundle {identity} in the registry, and bundle {named} in "
                "what was made with it",
                "MLflow",
                "find out who registered that version by hand; trust the forecast's own row",
            )


def _compare(graph: Graph, run: str, tags: dict[str, str]) -> None:
    named = tags.get("feature_version")
    known = [graph.nodes[k].id for k in graph.next(run, "up", "features")]
    if named and known and named not in known:
        graph.fault(
            run,
            f"MLflow run {graph.nodes[run].id} names feature version {named}, its bundle names "
            f"{', '.join(known)}",
            "MLflow",
            "trust the bundle, whose content its id vouches for; find out who changed the run's "
            "tags",
        )
