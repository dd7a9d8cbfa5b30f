"""What the registry says: model versions, their bundles and aliases, and the MLflow runs behind
them.

A registry that does not answer is a broken link, and the walk goes on without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pipelines.config import Places
from pipelines.errors import RegistryError
from pipelines.lineage.graph import Graph
from pipelines.lineage.runs import version_id

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_PAGE = 1000
_FIX = "check MLFLOW_TRACKING_URI and that MLflow answers, then trace again"


def read_registry(graph: Graph, places: Places) -> MlflowClient | None:
    """Add every model version; return a client for later questions, None if it does not answer."""
    from pipelines.registry.alias import connect, registry_errors

    if not _expected(graph, places):
        return None
    try:
        client = connect(places)
        with registry_errors("the registry could not be listed"):
            for model in client.search_registered_models(max_results=_PAGE):
                _read_model(graph, client, model.name, dict(model.aliases))
    except RegistryError as err:
        graph.fault(None, f"the registry does not answer: {err.what}", err.where, _FIX)
        return None
    return client


def check_mlflow_runs(graph: Graph, client: MlflowClient, walked: Iterable[str]) -> None:
    """Ask for every MLflow run that was walked: it must be there, and name what its bundle
    names."""
    from pipelines.registry.alias import registry_errors

    for key in walked:
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


def _expected(graph: Graph, places: Places) -> bool:
    """Whether there is or should be a registry: before the first one is made nothing is broken."""
    named = any(graph.of_kind("model_version")) or any(graph.of_kind("mlflow_run"))
    uri = places.tracking_uri
    made = not uri.startswith("sqlite:") or (places.artifacts / "mlflow").is_dir()
    return named or made


def _read_model(graph: Graph, client: MlflowClient, model: str, aliases: dict[str, Any]) -> None:
    token = None
    while True:
        page = client.search_model_versions(
            f"name = '{model}'", max_results=_PAGE, page_token=token
        )
        for found in page:
            held = sorted(
                alias for alias, version in aliases.items() if str(version) == str(found.version)
            )
            _read_version(graph, client, model, found, held)
        token = page.token
        if not token:
            return


def _read_version(graph: Graph, client: Any, model: str, found: Any, held: list[str]) -> None:
    from pipelines.registry.alias import BUNDLE_ID_TAG

    identity = found.tags.get(BUNDLE_ID_TAG)
    key = graph.add("model_version", version_id(model, found.version))
    graph.nodes[key].facts.update(registered=True, bundle_id=identity, aliases=held)
    if found.tags.get("rolled_back"):
        graph.nodes[key].facts["rolled_back"] = found.tags["rolled_back"]
    _compare_bundles(graph, key, identity)
    if not identity:
        graph.fault(
            key,
            f"{graph.nodes[key].title} does not say which bundle it is",
            model,
            "register the run's bundle again",
        )
        return
    bundle = graph.add("bundle", identity)
    graph.link(bundle, key, "registered as")
    if found.run_id:
        _read_source(graph, client, bundle, found.run_id)


def _read_source(graph: Graph, client: Any, bundle: str, run_id: str) -> None:
    """The MLflow run of a bundle, between it and the features that it was trained on."""
    run = graph.add("mlflow_run", run_id)
    features = [k for k in graph.next(bundle, "up") if graph.nodes[k].kind == "features"]
    if not features:  # no copy of the bundle is left here: its run says what it was trained on
        named = client.get_run(run_id).data.tags.get("feature_version")
        features = [graph.add("features", named, f"artifacts/features/{named}")] if named else []
    for key in features:
        graph.link(key, run, "recorded in")
    graph.link(run, bundle, "trained into")


def _compare_bundles(graph: Graph, version: str, identity: str | None) -> None:
    """Runs and forecasts say which bundle a version is; the registry must say the same."""
    for parent in graph.next(version, "up"):
        node = graph.nodes[parent]
        if node.kind == "bundle" and identity and node.id != identity:
            graph.fault(
                version,
                f"{graph.nodes[version].title} is bundle {identity} in the registry, and bundle "
                f"{node.id} in what was made with it",
                "MLflow",
                "find out who registered that version by hand; trust the forecast's own row",
            )


def _compare(graph: Graph, run: str, tags: dict[str, str]) -> None:
    named = tags.get("feature_version")
    known = [graph.nodes[k].id for k in graph.next(run, "up") if graph.nodes[k].kind == "features"]
    if named and known and named not in known:
        graph.fault(
            run,
            f"MLflow run {graph.nodes[run].id} names feature version {named}, its bundle names "
            f"{', '.join(known)}",
            "MLflow",
            "trust the bundle, whose content its id vouches for; find out who changed the run's "
            "tags",
        )
