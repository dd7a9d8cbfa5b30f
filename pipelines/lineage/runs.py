"""What the folders of artifacts/runs say: which run used what, and what it made.

A run that failed or is under way has fewer outputs; that is no fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pipelines.config import load_profile
from pipelines.errors import DenguardError, StoreError
from pipelines.lineage.graph import Graph
from pipelines.lineage.reader import Reader
from pipelines.run import outputs as out

DEFAULT_MODEL = "denguard"
_KINDS = (
    out.IngestOutput,
    out.ValidateOutput,
    out.SnapshotOutput,
    out.FeaturesOutput,
    out.TrainOutput,
    out.GateOutput,
    out.RegisterOutput,
    out.ForecastOutput,
    out.ReportOutput,
)
_RECORDS = ("run", "failure", *(kind.step for kind in _KINDS))
Output = TypeVar("Output", bound=out.StepOutput)


class _Left:
    """What one run left. A record that is damaged or makes no sense is a fault, and as absent."""

    def __init__(self, graph: Graph, run: str, records: Mapping[str, Any]) -> None:
        self.graph, self.run = graph, run
        self._records: dict[str, out.Free] = {}
        for name, raw in records.items():
            if isinstance(raw, DenguardError):
                self._fault(name, raw)
            else:
                self._records[name] = raw

    def output(self, kind: type[Output]) -> Output | None:
        """None for a step that has not run."""
        raw = self._records.get(kind.step)
        try:
            return None if raw is None else kind.parse(raw, self._file(kind.step))
        except StoreError as err:
            self._fault(kind.step, err)
            return None

    def facts(self, name: str) -> Mapping[str, Any]:
        """run.json or failure.json; {} if there is none."""
        return self._records.get(name) or {}

    def _fault(self, name: str, err: DenguardError) -> None:
        said = f"the record of {name} cannot be read: {err.what}"
        self.graph.fault(self.run, said, err.where or self._file(name), err.fix)

    def _file(self, name: str) -> str:
        return f"{self.graph.nodes[self.run].path}/{name}.json"


def read_runs(graph: Graph, reader: Reader) -> None:
    """Add every run and what it names. A record that makes no sense is a fault of its run."""
    runs = reader.runs()
    for run_id, records in zip(runs, reader.records(runs, _RECORDS), strict=True):
        run = graph.add("run", run_id, f"artifacts/runs/{run_id}")
        _read_run(graph, run_id, _Left(graph, run, records))


def drop_id(received_date: str, sha256: str | None) -> str:
    """A drop is its date and its content: two contents of one date are two things."""
    return f"{received_date}@{sha256}" if sha256 else received_date


def version_id(model: str, version: object) -> str:
    """A model version's id: "denguard/3"."""
    return f"{model}/{version}"


def _read_run(graph: Graph, run_id: str, left: _Left) -> None:
    run = graph.add("run", run_id, **_run_facts(left))
    known = left.output(out.IngestOutput)
    for drop in known.drops if known else ():
        graph.link(_drop(graph, drop), run, "read by")
    validation = _validation(graph, run, run_id, left.output(out.ValidateOutput))
    dataset = _dataset(graph, validation, left.output(out.SnapshotOutput))
    features = _features(graph, dataset, left.output(out.FeaturesOutput))
    _candidates(graph, features, left.output(out.TrainOutput))
    gate, model = left.output(out.GateOutput), model_of(left.facts("run"))
    decision = _decision(graph, run, run_id, gate)
    _registered(graph, (run, features, decision), left.output(out.RegisterOutput), gate, model)
    forecast = _forecast(graph, (run, features), left.output(out.ForecastOutput), model)
    _report(graph, run_id, left.output(out.ReportOutput), (run, validation, decision, forecast))


def _run_facts(left: _Left) -> dict[str, Any]:
    asked, failure, snap = left.facts("run"), left.facts("failure"), left.output(out.SnapshotOutput)
    return {
        "profile": asked.get("profile"),
        "as_of_week": snap.as_of_week if snap else asked.get("as_of"),
        "failed_step": failure.get("step"),
        "failure": failure.get("cause"),
    }


def _drop(graph: Graph, drop: out.FixedDrop) -> str:
    return graph.add(
        "drop",
        drop_id(drop.received_date, drop.sha256),
        f"data/drops/{drop.received_date}",
        received_date=drop.received_date,
        sha256=drop.sha256,
        synthetic_scenes=drop.synthetic_scenes,
    )


def read_drops_named(graph: Graph, child: str, drops: list[dict[str, Any]]) -> None:
    """Link the drops that a dataset's own description names."""
    for drop in drops:
        named = out.FixedDrop.model_validate(drop, extra="ignore")
        graph.link(_drop(graph, named), child, "is in")


def _validation(
    graph: Graph, run: str, run_id: str, checked: out.ValidateOutput | None
) -> str | None:
    if checked is None:
        return None
    key = graph.add(
        "validation",
        run_id,
        checked.issues_path,
        issues=checked.issues,
        quarantined=checked.quarantined,
        data_docs=checked.data_docs,
    )
    graph.link(run, key, "checked in")
    return key


def _dataset(graph: Graph, validation: str | None, snap: out.SnapshotOutput | None) -> str | None:
    if snap is None:
        return None
    key = graph.add("dataset", snap.dataset_version, snap.dataset, dvc_md5=snap.dvc)
    if validation:
        graph.link(validation, key, "passed to")
    return key


def _features(graph: Graph, dataset: str | None, built: out.FeaturesOutput | None) -> str | None:
    if built is None:
        return None
    key = graph.add(
        "features",
        built.feature_version,
        built.features,
        embedding_version=built.embedding_version,
        dvc_md5=built.dvc,
    )
    if dataset:
        graph.link(dataset, key, "embedded in")
    return key


def _candidates(graph: Graph, features: str | None, trained: out.TrainOutput | None) -> None:
    for candidate in trained.candidates.values() if trained else ():
        key = graph.add("bundle", candidate.bundle_id, f"{candidate.folder}/bundle")
        if features:
            graph.link(features, key, "trained into")


def _decision(graph: Graph, run: str, run_id: str, gate: out.GateOutput | None) -> str | None:
    if gate is None:
        return None
    key = graph.add(
        "decision",
        run_id,
        f"artifacts/decisions/{run_id}.json",
        decision=gate.decision,
        head=gate.head,
        against_version=gate.champion.version if gate.champion else None,
        first_line=gate.first_line,
        reasons=list(gate.reasons),
    )
    graph.link(run, key, "judged in")
    if gate.bundle_id:
        graph.link(graph.add("bundle", gate.bundle_id), key, "judged in")
    return key


def _registered(
    graph: Graph,
    parents: tuple[str, str | None, str | None],
    recorded: out.RegisterOutput | None,
    gate: out.GateOutput | None,
    model: str,
) -> None:
    run, features, decision = parents
    if recorded and recorded.mlflow_run:
        key = graph.add("mlflow_run", recorded.mlflow_run)
        for parent in (run, features):
            if parent:
                graph.link(parent, key, "recorded in")
    if recorded and recorded.version:
        key = graph.add("model_version", version_id(model, recorded.version))
        if gate and gate.bundle_id:
            graph.link(graph.add("bundle", gate.bundle_id), key, "registered as")
        if decision:
            graph.link(decision, key, "promoted")


def _forecast(
    graph: Graph, parents: tuple[str, str | None], made: out.ForecastOutput | None, model: str
) -> str | None:
    if made is None or not made.forecast_version:
        return None
    key = graph.add("forecast", made.forecast_version, made.forecast, model_name=model)
    for parent in parents:
        if parent:
            graph.link(parent, key, "forecast in")
    return key


def _report(
    graph: Graph, run_id: str, made: out.ReportOutput | None, parents: tuple[str | None, ...]
) -> None:
    if made is not None:
        key = graph.add("report", run_id, made.report)
        for parent in parents:
            if parent:
                graph.link(parent, key, "shown in")


def model_of(asked: Mapping[str, Any]) -> str:
    """The registry's name for the models of a run, from its profile."""
    return _model_name(str(asked.get("profile", "")))


@cache
def _model_name(profile: str) -> str:
    try:
        return load_profile(profile).model_name
    except DenguardError:
        return DEFAULT_MODEL  # a profile file that is no longer there
