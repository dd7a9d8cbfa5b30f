"""Runs, read from the folders of artifacts/runs: which used what, and what each made.

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


class _Records:
    """The records of one run; one that is damaged or not valid is a fault, and as absent."""

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
        what = f"the record of {name} cannot be read: {err.what}"
        self.graph.fault(self.run, what, err.where or self._file(name), err.fix)

    def _file(self, name: str) -> str:
        return f"{self.graph.nodes[self.run].path}/{name}.json"


def read_runs(graph: Graph, reader: Reader) -> None:
    """Add every run and what it names. A record that is not valid is a fault of its run."""
    runs = reader.runs()
    for run_id, raw in zip(runs, reader.records(runs, _RECORDS), strict=True):
        run = graph.add("run", run_id)
        records = _Records(graph, run, raw)
        graph.add("run", run_id, **_facts(records))
        if known := records.output(out.IngestOutput):
            for drop in known.drops:
                graph.link(_drop(graph, drop), run)
        validation, features, read = _add_training(graph, run_id, records)
        _add_release(graph, run_id, records, validation, features, read)


def drop_id(received_date: str, sha256: str | None) -> str:
    """A drop is its date and its content: two contents of one date are two things."""
    return f"{received_date}@{sha256}" if sha256 else received_date


def version_id(model: str, version: object) -> str:
    """A model version's id: "denguard/3"."""
    return f"{model}/{version}"


def _facts(records: _Records) -> dict[str, Any]:
    params, failure = records.facts("run"), records.facts("failure")
    snap = records.output(out.SnapshotOutput)
    return {
        "profile": params.get("profile"),
        "as_of_week": snap.as_of_week if snap else params.get("as_of"),
        "failed_step": failure.get("step"),
        "failure": failure.get("cause"),
    }


def read_drops_named(graph: Graph, child: str, drops: list[dict[str, Any]]) -> None:
    """Link the drops that a dataset's own description names."""
    for drop in drops:
        named = out.FixedDrop.model_validate(drop, extra="ignore")
        graph.link(_drop(graph, named), child)


def _drop(graph: Graph, drop: out.FixedDrop) -> str:
    return graph.add(
        "drop",
        drop_id(drop.received_date, drop.sha256),
        f"data/drops/{drop.received_date}",
        received_date=drop.received_date,
        sha256=drop.sha256,
        synthetic_scenes=drop.synthetic_scenes,
    )


def _add_training(
    graph: Graph, run_id: str, records: _Records
) -> tuple[str | None, str | None, str | None]:
    """Add what was made up to the candidates; return the keys of validation and features, and of
    the features that the champion reads, where it reads others.
    """
    validation = dataset = features = read = None
    if checked := records.output(out.ValidateOutput):
        validation = graph.add(
            "validation",
            run_id,
            checked.issues_path,
            [records.run],
            issues=checked.issues,
            quarantined=checked.quarantined,
            data_docs=checked.data_docs,
        )
    if snap := records.output(out.SnapshotOutput):
        dataset = graph.add(
            "dataset", snap.dataset_version, snap.dataset, [validation], dvc_md5=snap.dvc
        )
    if built := records.output(out.FeaturesOutput):
        features = _add_features(graph, built, dataset)
        if built.champion:
            read = _add_features(graph, built.champion, dataset)
    if trained := records.output(out.TrainOutput):
        for candidate in trained.candidates.values():
            graph.add("bundle", candidate.bundle_id, f"{candidate.folder}/bundle", [features])
    return validation, features, read


def _add_features(
    graph: Graph, made: out.FeaturesOutput | out.FeatureVersion, dataset: str | None
) -> str:
    return graph.add(
        "features",
        made.feature_version,
        made.features,
        [dataset],
        embedding_version=made.embedding_version,
        dvc_md5=made.dvc,
    )


def _add_release(
    graph: Graph,
    run_id: str,
    records: _Records,
    validation: str | None,
    features: str | None,
    read: str | None,
) -> None:
    """Add what was made from the decision to the report."""
    decision = bundle = forecast = None
    gate, model = records.output(out.GateOutput), model_of(records.facts("run"))
    if gate:
        bundle = graph.add("bundle", gate.bundle_id) if gate.bundle_id else None
        decision = graph.add(
            "decision",
            run_id,
            parents=[records.run, bundle],
            decision=gate.decision,
            head=gate.head,
            against_version=gate.champion.version if gate.champion else None,
            first_line=gate.first_line,
            reasons=list(gate.reasons),
        )
    if recorded := records.output(out.RegisterOutput):
        if recorded.mlflow_run:
            graph.add("mlflow_run", recorded.mlflow_run, parents=[records.run, features])
        if recorded.version:
            version = version_id(model, recorded.version)
            graph.add("model_version", version, parents=[bundle, decision])
    if (made := records.output(out.ForecastOutput)) and made.forecast_version:
        forecast = graph.add(
            "forecast",
            made.forecast_version,
            made.forecast,
            [records.run, read if made.feature_version else features],
            model_name=model,
        )
    if shown := records.output(out.ReportOutput):
        graph.add("report", run_id, shown.report, [records.run, validation, decision, forecast])


def model_of(params: Mapping[str, Any]) -> str:
    """The registry's name for the models of a run, from its profile."""
    return _model_name(str(params.get("profile", "")))


@cache
def _model_name(profile: str) -> str:
    try:
        return load_profile(profile).model_name
    except DenguardError:
        return DEFAULT_MODEL  # a profile file that is no longer there
