"""What this week's forecast and report are made from, gathered from a run's folders.

Belongs here: reading step outputs and tables into the arguments of forecast.py and report.py. Does
not belong here: computing what they show.
"""

from __future__ import annotations

import importlib.metadata
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from pipelines.candidate_config import forecaster_kind
from pipelines.config import Profile
from pipelines.errors import StoreError
from pipelines.evaluate.report import ReportContext
from pipelines.forecast import ForecastVersions, forecast_table, publish_forecast
from pipelines.fusion.bundle import Bundle, load_sound
from pipelines.fusion.load import load_examples
from pipelines.run import Run
from pipelines.storage import read_json

_LIBRARIES = ("denguard", "torch", "transformers", "timm", "scikit-learn", "lightgbm", "mlflow", "dvc", "great-expectations")  # fmt: skip


def make_forecast(
    run: Run, bundle_folder: Path, version: str, provisional: bool = False
) -> dict[str, Any]:
    """Forecast every municipality with the bundle that serves, and publish it.

    Raises:
        StoreError: the bundle is not sound here, or reads vectors that this run's features do not
            hold.
    """
    features = run.path(run.output("features")["features"])
    about, bundle = read_json(features / "features.json"), load_sound(bundle_folder)
    _check_encoders(bundle, about, run.profile)
    horizons = [h for h in bundle.meta.horizons_weeks if h in run.profile.evaluate.horizons_weeks]
    usable = replace(bundle, models={h: bundle.models[h] for h in horizons})
    versions = ForecastVersions(
        model_version=version,
        bundle_id=bundle_folder.name,
        dataset_version=str(about["dataset_version"]),
        embedding_version=str(about["embedding_version"]),
        synthetic_scenes=bool(about["synthetic_scenes"]),
        provisional=provisional,
    )
    examples = {h: load_examples(features, h) for h in horizons}
    table = forecast_table(usable, examples, str(about["as_of_week"]), names(run), _scenes(features), versions)  # fmt: skip
    folder = publish_forecast(table, run.places.artifacts / "forecasts", not_forecast(run))
    return {
        "forecast": run.name(folder),
        "forecast_version": folder.name,
        "rows": len(table),
        "note": f"forecast version {folder.name}, by model version {version}{', which is provisional' if provisional else ''}",
    }


def names(run: Run) -> dict[str, str]:
    """municipality_code -> name."""
    units = pd.read_parquet(_dataset(run) / "tables" / "units.parquet", columns=["unit_id", "name"])
    return dict(zip(units["unit_id"], units["name"], strict=True))


def not_forecast(run: Run) -> list[str]:
    """Municipalities that the label rule refuses."""
    thresholds = _thresholds(run)
    return sorted(thresholds.loc[~thresholds["in_pool"], "unit_id"])


def gather(run: Run) -> ReportContext:
    """Everything the report of a run shows."""
    snap, made, decision = run.output("snapshot"), run.output("forecast"), run.output("gate")
    candidates = run.output("train")["candidates"]
    folder = made["forecast"]
    return ReportContext(
        run_id=run.run_id,
        profile=run.profile.profile,
        as_of_week=snap["as_of_week"],
        decision=decision,
        metrics=read_json(run.path(run.output("evaluate")["metrics"])),
        issues=_issues(run),
        tuning={h: c for h, c in candidates.items() if forecaster_kind(h).reads_vectors},
        names=names(run),
        thresholds=_thresholds(run),
        label_rule_id=run.profile.labels.rule_id,
        reporting_delay_weeks=run.profile.data.reporting_delay_weeks,
        synthetic_scenes=bool(snap["synthetic_scenes"]),
        forecast=None if folder is None else pd.read_parquet(run.path(folder) / "forecast.parquet"),
        forecast_note=made["note"],
        not_forecast=not_forecast(run),
        embedding=_embedding(run),
        lineage=_lineage(run),
        versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
        links={"Data Docs (their style needs internet)": f"../../../{quote(run.output('validate')['data_docs'])}/index.html"},
    )  # fmt: skip


def _check_encoders(bundle: Bundle, about: dict[str, Any], profile: Profile) -> None:
    if not bundle.reads_vectors:
        return
    for modality, mine in (
        ("image", bundle.meta.image_encoder),
        ("text", bundle.meta.text_encoder),
    ):
        if mine != about[modality]:
            raise StoreError(f"the champion reads {modality} vectors of {mine.get('encoder')}, this run made those of another encoder or build", where=f"profile {profile.profile}", fix="run the profile that the champion was made with, or roll back to a linear champion")  # fmt: skip


def _dataset(run: Run) -> Path:
    return run.path(run.output("snapshot")["dataset"])


def _thresholds(run: Run) -> pd.DataFrame:
    return pd.read_parquet(_dataset(run) / "thresholds.parquet")


def _scenes(features: Path) -> pd.DataFrame:
    return pd.read_parquet(
        features / "rows.parquet", columns=["sample_id", "image_date", "image_quality"]
    )


def _issues(run: Run) -> list[dict[str, Any]]:
    text = run.path(run.output("validate")["issues_path"]).read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)
    return found


def _embedding(run: Run) -> dict[str, dict[str, Any]]:
    plan = run.output("plan_embedding")
    shards = [run.output(f"embed_{shard:03d}") for shard in plan["shards"]]
    return {
        modality: {
            "distinct inputs": counts["distinct"],
            "newly embedded": sum(s["embedded"] for s in shards if s["modality"] == modality),
            "encoder process started": any(s["encoder_started"] for s in shards if s["modality"] == modality),
        }
        for modality, counts in plan["counts"].items()
    }  # fmt: skip


def _lineage(run: Run) -> list[tuple[str, str]]:
    snap, built, decision = run.output("snapshot"), run.output("features"), run.output("gate")
    champion = run.output("register")["version"]
    drops = [(f"drop {d['received_date']}", d["sha256"]) for d in run.output("ingest")["drops"]]
    return [
        *drops,
        ("dataset version", snap["dataset_version"]),
        ("dataset in DVC", snap["dvc"]),
        ("embedding version", built["embedding_version"]),
        ("feature version", built["feature_version"]),
        ("bundle judged", str(decision["bundle_id"])),
        ("registered as version", str(champion) if champion else "not registered"),
        ("forecast version", str(run.output("forecast").get("forecast_version"))),
    ]
