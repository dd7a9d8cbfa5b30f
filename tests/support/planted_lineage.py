"""A store with three runs, planted with the library's own functions: new, unchanged, a new drop."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.code_changes import CodeChange
from pipelines.config import DeploymentPaths
from pipelines.data.intake import accept
from pipelines.features.build import version_of
from pipelines.fusion.bundle import bundle_id, write_bundle
from pipelines.inference.forecast import publish_forecast
from pipelines.inference.prediction_log import LoggedAnswer, LoggedPrediction, PredictionLog
from pipelines.place_config import CodesConfig, PlaceConfig
from pipelines.registry.aliases import set_champion
from pipelines.registry.register import register_bundle
from pipelines.run import Run, start_run
from pipelines.run.outputs import (
    FeaturesOutput,
    ForecastOutput,
    GateOutput,
    IngestOutput,
    RegisterOutput,
    ReportOutput,
    SnapshotOutput,
    TrainOutput,
    ValidateOutput,
)
from pipelines.storage import folder_id, manifest_of, sha256_file, write_atomic, write_json
from support.linear_bundle import linear_bundle
from support.outputs import candidate as made_candidate
from support.outputs import leave

FIRST_TRACE, THIRD_TRACE, FORECAST_TRACE = "a" * 32, "b" * 32, "c" * 32
RENAMED = CodeChange(old="76999", new="76001")
PLACE = PlaceConfig(codes=CodesConfig(kind="dane", changes=(RENAMED,)), language="es")


@dataclass(frozen=True)
class Store:
    """A home and the ids of what was planted in it, by run."""

    paths: DeploymentPaths
    datasets: dict[str, str]
    features: dict[str, str]
    bundles: dict[str, str]
    forecasts: dict[str, str]


class Planter:
    """Makes a run without computing: every record and folder a real run leaves, in miniature."""

    def __init__(self, paths: DeploymentPaths) -> None:
        self.paths = paths
        self.store = Store(paths, {}, {}, {}, {})

    def drop(self, received: str) -> dict[str, Any]:
        folder = self.paths.drops / received
        write_atomic(folder / "drop.yaml", f"received_date: {received}\nscene_period: week\n")
        write_atomic(folder / "metadata.csv", f"Municipality code\n{received}\n")
        return {
            "received_date": received,
            "sha256": folder_id(manifest_of(folder)),
            "synthetic_scenes": True,
        }

    def run(self, run_id: str, week: str, drops: list[dict[str, Any]], decision: str) -> None:
        run = start_run(run_id, {"profile": "ci"})
        leave(run, IngestOutput, drops=drops)
        checked = run.folder / "validation"
        write_atomic(checked / "issues.json", "[]\n")
        leave(
            run,
            ValidateOutput,
            issues={"warning": 2},
            issues_path=run.name(checked / "issues.json"),
            data_docs="docs",
            quarantined=1,
        )
        dataset = self.dataset(run, week, drops)
        features = self.features(run, week, dataset)
        bundle = self.bundle(run, week, dataset, features)
        self.judge(run, bundle, decision)
        version = self.register(run, bundle, decision)
        self.bulletin(run, week, dataset, version)

    def dataset(self, run: Run, week: str, drops: list[dict[str, Any]]) -> str:
        draft = self.paths.artifacts / "draft"
        write_json(
            draft / "dataset.json", {"as_of_week": week, "rows": 2, "units": 2, "drops": drops}
        )
        version = folder_id(manifest_of(draft))
        folder = _keep(draft, self.paths.artifacts / "datasets" / version)
        leave(
            run,
            SnapshotOutput,
            dataset=run.name(folder),
            dataset_version=version,
            as_of_week=week,
            dvc=self.version("samples", folder),
        )
        accept(self.paths, version, week, drops)
        self.store.datasets[run.run_id] = version
        return version

    def features(self, run: Run, week: str, dataset: str) -> str:
        named = {
            "as_of_week": week,
            "dataset_version": dataset,
            "embedding_version": f"e{dataset[1:]}",
        }
        draft = self.paths.artifacts / "draft"
        shard = write_atomic(draft / "shards" / "space" / "draft", dataset)
        shard.rename(shard.with_name(f"{sha256_file(shard)}.parquet"))
        pd.DataFrame({"unit_id": ["05001"], "cases": [3.0]}).to_parquet(draft / "rows.parquet")
        write_json(
            draft / "features.json",
            {**named, "image": {"encoder": "timm_image"}, "text": {"encoder": "hf_text"}},
        )
        version = version_of(draft)
        folder = _keep(draft, self.paths.artifacts / "features" / version)
        named |= {"feature_version": version, "features": run.name(folder)}
        leave(run, FeaturesOutput, **named, dvc=self.version("features", folder))
        self.store.features[run.run_id] = version
        return version

    def version(self, kind: str, folder: Path) -> str:
        """What DVC would leave: a sidecar and an entry of the index."""
        from pipelines.versioning import read_index, repository

        name = f"{kind}-{folder.name}"
        entry = {
            "id": name,
            "kind": kind,
            "md5": f"{folder.name}.dir",
            "content_id": folder_id(manifest_of(folder)),
        }
        write_atomic(repository(self.paths) / f"{name}.dvc", "outs: []\n")
        write_json(
            repository(self.paths) / "index.json",
            {"versions": {**read_index(self.paths), name: entry}},
        )
        return str(entry["md5"])

    def bundle(self, run: Run, week: str, dataset: str, features: str) -> Path:
        made = linear_bundle(
            float(week[-2:]),
            horizons=(4,),
            dataset_version=dataset,
            feature_version=features,
            embedding_version=f"e{dataset[1:]}",
            as_of_week=week,
            place=PLACE,
        )
        candidate = self.paths.artifacts / "candidates" / f"c{week[-2:]}"
        folder = write_bundle(made, candidate / "bundle")
        trained = made_candidate(folder=run.name(candidate), bundle_id=bundle_id(folder))
        leave(run, TrainOutput, candidates={"linear": trained})
        self.store.bundles[run.run_id] = bundle_id(folder)
        return folder

    def judge(self, run: Run, bundle: Path, decision: str) -> None:
        record = {
            "decision": decision,
            "head": "linear",
            "bundle_id": bundle_id(bundle),
            "champion": None,
            "first_line": "linear serves",
            "reasons": ["so it is"],
        }
        write_json(self.paths.artifacts / "decisions" / f"{run.run_id}.json", record)
        leave(run, GateOutput, **record)

    def register(self, run: Run, bundle: Path, decision: str) -> str:
        tags = {"feature_version": self.store.features[run.run_id], "decision": decision}
        version = register_bundle(bundle, run.run_id, tags=tags, paths=self.paths)
        set_champion(version, paths=self.paths)
        served = version if decision == "promote" else None
        run.finish(RegisterOutput(version=served, mlflow_run=None))
        return version

    def bulletin(self, run: Run, week: str, dataset: str, version: str) -> None:
        rows = pd.DataFrame(
            {
                "municipality_code": ["05001", "76001"],
                "municipality": ["Medellín", "Cali"],
                "origin_week": week,
                "target_week": "2019-w04",
                "horizon_weeks": 4,
                "probability": [0.25, 0.75],
                "outbreak_expected": [False, True],
                "image_used": False,
                "model_version": version,
                "bundle_id": self.store.bundles[run.run_id],
                "dataset_version": dataset,
                "embedding_version": f"e{dataset[1:]}",
                "head": "linear",
            }
        )
        folder = publish_forecast(rows, self.paths.artifacts / "forecasts")
        named = {"forecast": run.name(folder), "forecast_version": folder.name}
        leave(run, ForecastOutput, **named)
        self.store.forecasts[run.run_id] = folder.name
        page = self.paths.artifacts / "reports" / run.run_id / "report.html"
        write_atomic(page, "<h1>report</h1>")
        leave(run, ReportOutput, report=run.name(page))

    def answer(self, run_id: str, trace_id: str, version: str, forecast: str | None = None) -> None:
        log = PredictionLog(self.paths)
        row = LoggedPrediction(
            municipality_code="05001",
            horizon_weeks=4,
            origin_week="2018-w48",
            target_week="2018-w52",
            probability=0.25,
            outbreak=False,
        )
        log.append(
            LoggedAnswer(
                trace_id=trace_id,
                at=datetime(2019, 1, 3, tzinfo=UTC),
                input_sha256="0" * 64,
                bundle_id=self.store.bundles[run_id],
                model_version=version,
                predictions=[row],
                forecast_version=forecast,
            )
        )
        log.close()


def _keep(draft: Path, final: Path) -> Path:
    if final.is_dir():
        shutil.rmtree(draft)
    else:
        final.parent.mkdir(parents=True, exist_ok=True)
        draft.rename(final)
    return final
