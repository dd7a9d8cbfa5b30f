"""What the folders of artifacts/runs say: which run used what, and what it made.

A run that failed or is under way has fewer outputs; that is no fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pipelines.config import load_profile
from pipelines.errors import DenguardError
from pipelines.lineage.graph import Graph
from pipelines.lineage.shelf import Shelf

DEFAULT_MODEL = "denguard"
_STEPS = (
    "run",
    "ingest",
    "validate",
    "snapshot",
    "features",
    "train",
    "gate",
    "register",
    "forecast",
    "report",
    "failure",
)
Output = Mapping[str, Any]


def read_runs(graph: Graph, shelf: Shelf) -> None:
    """Add every run and what it names. A record that makes no sense is a fault of its run."""
    runs = shelf.runs()
    for run_id, records in zip(runs, shelf.records(runs, _STEPS), strict=True):
        run = graph.add("run", run_id, f"artifacts/runs/{run_id}")
        out = {step: _usable(graph, run, step, records.get(step)) for step in _STEPS}
        try:
            _read_run(graph, run_id, out)
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            graph.fault(
                run,
                f"the records of run {run_id} make no sense: {type(err).__name__}: {err}",
                f"artifacts/runs/{run_id}",
                "restore its JSON files from a backup",
            )


def _usable(graph: Graph, run: str, step: str, record: Any) -> Output:
    """A record; {} for a step that has not run or whose record is damaged, which is a fault."""
    if isinstance(record, DenguardError):
        where = record.where or f"{graph.nodes[run].path}/{step}.json"
        graph.fault(run, f"the record of {step} cannot be read: {record.what}", where, record.fix)
    return record if isinstance(record, dict) else {}


def drop_id(received_date: str, sha256: str | None) -> str:
    """A drop is its date and its content: two contents of one date are two things."""
    return f"{received_date}@{sha256}" if sha256 else received_date


def version_id(model: str, version: object) -> str:
    """A model version's id: "denguard/3"."""
    return f"{model}/{version}"


def _read_run(graph: Graph, run_id: str, out: Mapping[str, Output]) -> None:
    run = graph.add("run", run_id, **_run_facts(out))
    for drop in out["ingest"].get("drops", []):
        graph.link(_drop(graph, drop), run, "read by")
    validation = _validation(graph, run, run_id, out["validate"])
    dataset = _dataset(graph, validation, out["snapshot"])
    features = _features(graph, dataset, out["features"])
    _candidates(graph, features, out["train"])
    decision = _decision(graph, run, run_id, out["gate"])
    _registered(graph, run, features, decision, out)
    forecast = _forecast(graph, run, features, out)
    _report(graph, run_id, out["report"], (run, validation, decision, forecast))


def _run_facts(out: Mapping[str, Output]) -> dict[str, Any]:
    asked, failure = out["run"], out["failure"]
    return {
        "profile": asked.get("profile"),
        "as_of_week": out["snapshot"].get("as_of_week") or asked.get("as_of"),
        "failed_step": failure.get("step"),
        "failure": failure.get("cause"),
    }


def _drop(graph: Graph, drop: Output) -> str:
    date = str(drop["received_date"])
    sha256 = str(drop["sha256"])
    return graph.add(
        "drop",
        drop_id(date, sha256),
        f"data/drops/{date}",
        received_date=date,
        sha256=sha256,
        synthetic_scenes=drop.get("synthetic_scenes"),
    )


def read_drops_named(graph: Graph, child: str, drops: list[Output]) -> None:
    """Link the drops that a dataset's own description names."""
    for drop in drops:
        graph.link(_drop(graph, drop), child, "is in")


def _validation(graph: Graph, run: str, run_id: str, checked: Output) -> str | None:
    if not checked:
        return None
    key = graph.add(
        "validation",
        run_id,
        checked.get("issues_path"),
        issues=checked.get("issues"),
        quarantined=checked.get("quarantined"),
        data_docs=checked.get("data_docs"),
    )
    graph.link(run, key, "checked in")
    return key


def _dataset(graph: Graph, validation: str | None, snap: Output) -> str | None:
    if not snap:
        return None
    key = graph.add("dataset", snap["dataset_version"], snap["dataset"], dvc_md5=snap.get("dvc"))
    if validation:
        graph.link(validation, key, "passed to")
    return key


def _features(graph: Graph, dataset: str | None, built: Output) -> str | None:
    if not built:
        return None
    key = graph.add(
        "features",
        built["feature_version"],
        built["features"],
        embedding_version=built.get("embedding_version"),
        dvc_md5=built.get("dvc"),
    )
    if dataset:
        graph.link(dataset, key, "embedded in")
    return key


def _candidates(graph: Graph, features: str | None, trained: Output) -> None:
    for candidate in trained.get("candidates", {}).values():
        key = graph.add("bundle", candidate["bundle_id"], f"{candidate['folder']}/bundle")
        if features:
            graph.link(features, key, "trained into")


def _decision(graph: Graph, run: str, run_id: str, gate: Output) -> str | None:
    if not gate:
        return None
    champion = gate.get("champion") or {}
    key = graph.add(
        "decision",
        run_id,
        f"artifacts/decisions/{run_id}.json",
        decision=gate.get("decision"),
        head=gate.get("head"),
        against_version=champion.get("version"),
        first_line=gate.get("first_line"),
        reasons=gate.get("reasons"),
    )
    graph.link(run, key, "judged in")
    if gate.get("bundle_id"):
        graph.link(graph.add("bundle", gate["bundle_id"]), key, "judged in")
    return key


def _registered(
    graph: Graph, run: str, features: str | None, decision: str | None, out: Mapping[str, Output]
) -> None:
    recorded = out["register"]
    if recorded.get("mlflow_run"):
        key = graph.add("mlflow_run", recorded["mlflow_run"])
        for parent in (run, features):
            if parent:
                graph.link(parent, key, "recorded in")
    if recorded.get("version"):
        key = graph.add("model_version", version_id(model_of(out["run"]), recorded["version"]))
        if out["gate"].get("bundle_id"):
            graph.link(graph.add("bundle", out["gate"]["bundle_id"]), key, "registered as")
        if decision:
            graph.link(decision, key, "promoted")


def _forecast(
    graph: Graph, run: str, features: str | None, out: Mapping[str, Output]
) -> str | None:
    made = out["forecast"]
    if not made.get("forecast_version"):
        return None
    key = graph.add(
        "forecast", made["forecast_version"], made["forecast"], model_name=model_of(out["run"])
    )
    for parent in (run, features):
        if parent:
            graph.link(parent, key, "forecast in")
    return key


def _report(graph: Graph, run_id: str, made: Output, parents: tuple[str | None, ...]) -> None:
    if made:
        key = graph.add("report", run_id, made["report"])
        for parent in parents:
            if parent:
                graph.link(parent, key, "shown in")


def model_of(asked: Output) -> str:
    """The registry's name for the models of a run, from its profile."""
    return _model_name(str(asked.get("profile", "")))


@cache
def _model_name(profile: str) -> str:
    try:
        return load_profile(profile).model_name
    except DenguardError:
        return DEFAULT_MODEL  # a profile file that is no longer there
