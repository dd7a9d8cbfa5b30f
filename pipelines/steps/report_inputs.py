"""What a report reads of a run's files and of its dataset."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.data.samples import STATES_FILE
from pipelines.data.usable import UNCONFIRMED, units_in
from pipelines.errors import StoreError
from pipelines.features.rows import read_rows
from pipelines.run import Run
from pipelines.run import outputs as out
from pipelines.steps import scene_words


def units(dataset: Path) -> pd.DataFrame:
    """Units of a dataset, as cleaned."""
    return pd.read_parquet(dataset / "tables" / "units.parquet")


def thresholds(dataset: Path) -> pd.DataFrame:
    """Thresholds of a dataset's label rule."""
    return pd.read_parquet(dataset / "thresholds.parquet")


def rises_among(dataset: Path, units: Collection[str]) -> list[str]:
    """Those of the units whose newest count looks too high and is confirmed by nobody."""
    path = dataset / STATES_FILE
    rising = units_in(pd.read_parquet(path), (UNCONFIRMED,)) if path.is_file() else ()
    return [unit for unit in rising if unit in units]


def scenes(features: Path) -> pd.DataFrame:
    """Day and quality of the scene of each sample."""
    found: pd.DataFrame = read_rows(
        features, ["sample_id", "image_date", "image_quality"]
    ).to_pandas()
    return found


def scenes_fetched(run: Run) -> str:
    """What the run fetched of scenes; "" where it was not asked to, or is of an older version."""
    try:
        output = run.output(out.SceneFetchOutput)
    except StoreError:
        return ""
    return "" if output.ending == "off" else scene_words.said(output)


def issues(run: Run) -> list[dict[str, Any]]:
    """What validation found in the run's drops."""
    text = run.path(run.output(out.ValidateOutput).issues_path).read_text(encoding="utf-8")
    found: list[dict[str, Any]] = json.loads(text)
    return found


def embedding(run: Run) -> dict[str, dict[str, Any]]:
    """Modality (or "champion text") -> what there was to embed and what was new."""
    plan = run.output(out.PlanOutput)
    shards = [run.output(out.ShardOutput, shard) for shard in plan.shards]
    champions = {c.space_id for c in plan.counts.values() if c.space_id}
    found = {}
    for name, counts in plan.counts.items():
        own = [s for s in shards if s.modality == name.split()[-1]]
        own = [
            s for s in own if (s.space_id if s.space_id in champions else None) == counts.space_id
        ]
        found[name] = {
            "distinct inputs": counts.distinct,
            "newly embedded": sum(s.embedded for s in own),
            "encoder process started": any(s.encoder_started for s in own),
        }
        if lacking := (counts.lacking or 0) + sum(s.lacking or 0 for s in own):
            found[name]["scenes without the encoder's bands"] = lacking
    return found


def lineage(run: Run) -> list[tuple[str, str]]:
    """What the report rests on: names and ids, from drops to forecast."""
    snap, built = run.output(out.SnapshotOutput), run.output(out.FeaturesOutput)
    champion = run.output(out.RegisterOutput).version
    drops = [(f"drop {d.received_date}", d.sha256) for d in run.output(out.IngestOutput).drops]
    return [
        *drops,
        ("dataset version", snap.dataset_version),
        ("dataset in DVC", snap.dvc),
        ("embedding version", built.embedding_version),
        ("feature version", built.feature_version),
        ("bundle judged", str(run.output(out.GateOutput).bundle_id)),
        ("registered as version", str(champion) if champion else "not registered"),
        ("forecast version", str(run.output(out.ForecastOutput).forecast_version)),
    ]
