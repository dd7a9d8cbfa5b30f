"""A deployment after three weekly bulletins, made with the library's own calls and tiny tables.

Week by week: 2018-w46 (run `first`) and 2018-w47 (`second`) promote a bundle; 2018-w48 (`third`)
keeps the one of the week before. Every week adds a drop, rows and one shard of vectors.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.contracts import EncoderSpec, content_id
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.inference.forecast import FORECAST_COLUMNS, publish_forecast
from pipelines.run import Run, start_run
from pipelines.run.outputs import FeaturesOutput, ForecastOutput, GateOutput, IngestOutput
from pipelines.steps import versions
from pipelines.storage import folder_id, manifest_of, write_atomic, write_json
from pipelines.versioning import add_versions
from support.outputs import leave

WEEKS = {"first": "2018-w46", "second": "2018-w47", "third": "2018-w48"}
UNITS = ("05001", "76001")
SPECS = {
    m: EncoderSpec("test", m, 4, "0" * 64, "none", "mean", "float32", 1, "1")
    for m in ("image", "text")
}  # type: ignore[arg-type]


@dataclass
class Planted:
    """A deployment, its remote, and what each run published: run -> kind -> {file: sha256}."""

    home: Path
    remote: str
    originals: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)


def plant(home: Path, remote: str, runs: tuple[str, ...] = tuple(WEEKS)) -> Planted:
    """Publish these runs; DENGUARD_HOME and DENGUARD_DVC_REMOTE must name home and remote."""
    planted = Planted(home, remote)
    for number, run_id in enumerate(runs, start=1):
        plant_run(planted, run_id, number)
    return planted


def planted_in(home: Path) -> Planted:
    """All three runs in this home and its remote: what fixtures share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENGUARD_HOME", str(home))
        patch.setenv("DENGUARD_DVC_REMOTE", str(home / "remote"))
        return plant(home, str(home / "remote"))


def plant_run(planted: Planted, run_id: str, number: int) -> None:
    """Publish everything of one run with a single call of DVC."""
    run, week = start_run(run_id, {"profile": "ci"}), WEEKS[run_id]
    leave(run, IngestOutput, drops=[_drop(planted.home, n) for n in range(1, number + 1)])
    dataset = _dataset(run, number)
    features = _features(run, number, dataset.name, week)
    drafts = versions.dataset_drafts(run, dataset, {"as_of_week": week})
    drafts += versions.feature_drafts(
        run, features, json.loads((features / "features.json").read_text())
    )
    candidate = _candidate(run, min(number, 2))
    bundle = folder_id(manifest_of(candidate / "bundle"))
    if number <= 2:
        drafts.append(versions.bundle_draft(run, candidate, bundle))
    forecast = publish_forecast(_forecast(week, bundle), run.paths.artifacts / "forecasts")
    leave(run, ForecastOutput, forecast=run.name(forecast), forecast_version=forecast.name)
    drafts.append(versions.forecast_draft(run, forecast, bundle))
    report = run.paths.artifacts / "reports" / run_id
    write_atomic(report / "report.html", f"<h1>{week}</h1>")
    write_json(report / "report.json", {"run_id": run_id})
    drafts.append(versions.report_draft(run, report))
    add_versions(run.paths, drafts)
    repo = run.paths.artifacts / "versions"
    planted.originals[run_id] = {d.kind: manifest_of(repo / d.id) for d in drafts}


def _drop(home: Path, number: int) -> dict[str, Any]:
    folder = home / "data" / "drops" / f"2018-11-2{number}"
    write_atomic(folder / "drop.yaml", f"received_date: 2018-11-2{number}\nscene_period: week\n")
    write_atomic(
        folder / "metadata.csv", f"Municipality code,2018/w4{5 + number}\n05001,{number}\n"
    )
    write_atomic(folder / "images" / "05001" / "image_2018-11-18.png", b"scene %d" % number)
    return {"received_date": folder.name, "sha256": folder_id(manifest_of(folder))}


def _rows(number: int) -> pd.DataFrame:
    rows = [(unit, f"2018-w{45 + n}", n) for unit in UNITS for n in range(1, number + 1)]
    table = pd.DataFrame(rows, columns=["unit_id", "origin_week", "n"])
    table["sample_id"] = table["unit_id"] + "-" + table["origin_week"] + "-h04"
    for modality in SPECS:
        table[f"{modality}_key"] = [
            content_id([modality, u, n]) for u, n in zip(table["unit_id"], table["n"], strict=True)
        ]
    return table


def _dataset(run: Run, number: int) -> Path:
    folder = run.paths.artifacts / "datasets" / content_id(["dataset", number])
    rows = _rows(number)[["sample_id", "unit_id", "origin_week"]]
    for name in (
        "samples/epi_year=2018/part",
        "thresholds",
        *(f"tables/{t}" for t in ("cases", "climate", "scenes", "units")),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(folder / f"{name}.parquet", index=False)
    write_json(folder / "dataset.json", {"as_of_week": WEEKS[run.run_id]})
    return folder


def _features(run: Run, number: int, dataset: str, week: str) -> Path:
    folder = run.paths.artifacts / "features" / content_id(["features", number])
    rows = _rows(number)
    for modality, spec in SPECS.items():
        store = EmbeddingStore(store_root(run.paths), spec)
        new = list(rows.loc[rows["n"] == number, f"{modality}_key"])
        store.append(new, np.full((len(new), spec.width), number, dtype=np.float32))
        for shard in sorted(store.folder.glob("*.parquet")):
            link = folder / "shards" / spec.space_id / shard.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.hardlink_to(shard)
    rows.drop(columns="n").to_parquet(folder / "rows.parquet", index=False)
    about = {
        "as_of_week": week,
        "dataset_version": dataset,
        "embedding_version": content_id(["e", number]),
    }
    write_json(folder / "features.json", {**about, **{m: asdict(s) for m, s in SPECS.items()}})
    leave(run, FeaturesOutput, features=run.name(folder), feature_version=folder.name, **about)
    return folder


def _candidate(run: Run, number: int) -> Path:
    folder = run.paths.artifacts / "candidates" / f"c{number}"
    write_json(folder / "bundle" / "bundle.json", {"number": number})
    write_json(folder / "receipt.json", {})
    leave(run, GateOutput, decision="promote")
    return folder


def _forecast(week: str, bundle: str) -> pd.DataFrame:
    values: dict[str, Any] = {
        **dict.fromkeys(FORECAST_COLUMNS, "x"),
        "origin_week": week,
        "horizon_weeks": 4,
        "probability": 0.25,
        "outbreak_expected": False,
        "image_used": True,
        "bundle_id": bundle,
        "model_version": bundle,
    }
    return pd.DataFrame([{**values, "municipality_code": unit} for unit in UNITS])[
        list(FORECAST_COLUMNS)
    ]
