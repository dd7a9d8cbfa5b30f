"""The forecast: one row per municipality and horizon, made by one bundle for one origin week.

It is published as an immutable version, named by its content.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s
from pipelines.contracts import CURRENT, DataState, SceneQuality
from pipelines.errors import StoreError
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Residual
from pipelines.fusion.horizon import HorizonModel
from pipelines.inference.predict import predict_proba
from pipelines.run.progress import Progress
from pipelines.storage import folder_id, new_folder, write_atomic
from pipelines.storage.parquet import frame_bytes
from pipelines.storage.people_csv import frame_csv

FORECAST_COLUMNS = (
    "municipality_code",  # code of the unit, as its code system writes it
    "municipality",
    "origin_week",  # what the forecast knows ends with this week
    "target_week",
    "target_week_end",  # its last day, ISO date
    "horizon_weeks",
    "probability",  # that cases of the target week exceed threshold_cases
    "outbreak_expected",  # probability >= decision_threshold
    "decision_threshold",
    "threshold_cases",  # weekly cases
    "alert_rung",  # fused: a scene or prompt contributed; else the forecaster, such as linear
    "image_used",
    "text_used",
    "scene_date",  # of the newest scene available at origin, null if none
    "scene_quality",
    "scene_synthetic",
    "head",
    "lambda_shift",
    "model_version",
    "bundle_id",
    "dataset_version",
    "embedding_version",
    "provisional",  # history was too short to judge the model: few blocks of weeks or test years
    "state",  # "" ; held, not reported: no probability; unconfirmed: two, see data/usable.py
    "why",  # of such a state: rule and cause that a person can answer, or that no count came
    "probability_without",  # of an unconfirmed unit: if the count that looks too high is left out
    "data_state",  # contracts.DataState: whether this week's data are in it
)
PARENT = "parent"  # after the name, where the place's files tell what a unit lies in
PARQUET, CSV, ABOUT = "forecast.parquet", "forecast.csv", "forecast.json"


@dataclass(frozen=True)
class ForecastVersions:
    """What made the forecast, written into every row."""

    model_version: str
    bundle_id: str
    dataset_version: str
    embedding_version: str
    synthetic_scenes: bool
    provisional: bool = False
    data_state: DataState = CURRENT


def forecast_table(
    bundle: Bundle,
    examples_by_horizon: Mapping[int, Examples],
    as_of: str,
    names: Mapping[str, str],
    scenes: pd.DataFrame,
    versions: ForecastVersions,
    parents: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Forecast every municipality of the pool at every horizon of the bundle, FORECAST_COLUMNS.

    Args:
        examples_by_horizon: rows of any origins; those with origin `as_of` are forecast.
        names: municipality_code -> name.
        scenes: columns sample_id, image_date (or null) and image_quality of at least those rows.
        parents: municipality_code -> what it lies in; with any there is a column PARENT.

    Raises:
        StoreError: a horizon of the bundle has no row at that origin, or a probability is not
            within 0 and 1.
    """
    calendar = bundle.calendar
    origin = calendar.week_no(as_of)
    parts, progress = [], Progress("horizons forecast", len(bundle.models))
    for horizon, model in sorted(bundle.models.items()):
        rows = examples_by_horizon.get(horizon)
        rows = None if rows is None else rows.take(rows.origin_week_no == origin)
        if rows is None or not len(rows):
            raise StoreError(
                f"there is no row to forecast at origin {as_of}, {horizon} weeks ahead",
                fix="make features up to that week for every horizon of the bundle",
            )
        parts.append(_answers(rows, predict_proba(model, rows), bundle))
        progress.advance()
    table = pd.concat(parts, ignore_index=True)
    seen = _scenes(scenes[scenes["sample_id"].isin(table["sample_id"])], versions)
    table = table.merge(seen, on="sample_id", how="left", validate="one_to_one")
    table["municipality"] = table["municipality_code"].map(names).fillna("")
    table["scene_quality"] = table["scene_quality"].fillna(SceneQuality.NONE.value)
    table["scene_synthetic"] = table["scene_synthetic"].eq(True)
    table = table.assign(
        model_version=versions.model_version,
        bundle_id=versions.bundle_id,
        dataset_version=versions.dataset_version,
        embedding_version=versions.embedding_version,
        provisional=versions.provisional,
        state="",
        why="",
        probability_without=np.nan,
        data_state=versions.data_state,
    )
    ordered = table.sort_values(["municipality_code", "horizon_weeks"], ignore_index=True)
    if not parents:
        return ordered[list(FORECAST_COLUMNS)]
    ordered[PARENT] = ordered["municipality_code"].map(parents).fillna("")
    code, name, *rest = FORECAST_COLUMNS
    return ordered[[code, name, PARENT, *rest]]


def publish_forecast(
    table: pd.DataFrame,
    root: Path,
    not_forecast: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
) -> Path:
    """Write the table under `<root>/<as_of>-<content id>/` as Parquet and CSV; never overwrite.

    Publishing equal content again changes no file; the folder is then the newest of its week again.
    forecast.json beside them counts rows, alarms and the municipalities that are not forecast
    because the label rule refuses them.

    Args:
        facts: what forecast.json says besides, such as why this week's data are not in it.

    Raises:
        StoreError: the table is not of one origin week, or the published folder was changed since.
    """
    origins = sorted(table["origin_week"].unique())
    if len(origins) != 1:
        raise StoreError(
            f"a forecast has one origin week, this one has {len(origins)}",
            fix="publish one origin at a time",
        )
    files = _files(table, sorted(not_forecast), facts or {})
    final = root / f"{origins[0]}-{_content_id(files)}"
    if not final.is_dir():
        with new_folder(final) as temp:
            for name, raw in files.items():
                write_atomic(temp / name, raw)
    if _content_id({name: _read(final / name) for name in files}) != _content_id(files):
        raise StoreError(
            "a published forecast was changed or lost a file",
            where=str(final),
            fix="move the folder away and run the forecast step again",
        )
    os.utime(final)  # of several of a week the endpoint answers from the one published last
    return final


def _answers(rows: Examples, probability: Float64s, bundle: Bundle) -> pd.DataFrame:
    if not ((probability >= 0) & (probability <= 1)).all():
        raise StoreError(
            "a forecast probability is not within 0 and 1",
            where=f"horizon {rows.horizon_weeks}",
            fix="roll back to the previous champion",
        )
    model, calendar = bundle.models[rows.horizon_weeks], bundle.calendar
    fuses = model.vector_widths is not None
    image_used, text_used = rows.image.mask & fuses, rows.text.mask & fuses
    return pd.DataFrame(
        {
            "sample_id": rows.sample_id,
            "municipality_code": rows.unit_id,
            "origin_week": [calendar.week_label(n) for n in rows.origin_week_no],
            "target_week": [calendar.week_label(n) for n in rows.target_week_no],
            "target_week_end": [calendar.week_end(n).isoformat() for n in rows.target_week_no],
            "horizon_weeks": np.full(len(rows), rows.horizon_weeks, dtype=np.int32),
            "probability": probability,
            "outbreak_expected": probability >= model.decision_threshold,
            "decision_threshold": float(model.decision_threshold),
            "threshold_cases": rows.threshold_cases.astype(np.float64),
            "alert_rung": np.where(
                image_used | text_used, "fused", without_vectors(model, bundle.meta.head)
            ),
            "image_used": image_used,
            "text_used": text_used,
            "head": bundle.meta.head,
            "lambda_shift": model.lambda_shift,
        }
    )


def without_vectors(model: HorizonModel, head: str) -> str:
    """What forecasts a row without scene and prompt: a fused head leaves it to its base."""
    own = model.forecaster
    return own.base_kind if isinstance(own, Residual) else head


def _scenes(scenes: pd.DataFrame, versions: ForecastVersions) -> pd.DataFrame:
    date = scenes["image_date"].map(lambda day: None if pd.isna(day) else str(day)[:10])
    return pd.DataFrame(
        {
            "sample_id": scenes["sample_id"],
            "scene_date": date.astype(object),
            "scene_quality": scenes["image_quality"].map(lambda q: None if pd.isna(q) else str(q)),
            "scene_synthetic": date.notna() & versions.synthetic_scenes,
        }
    )


def _files(
    table: pd.DataFrame, not_forecast: Sequence[str], facts: Mapping[str, object]
) -> dict[str, bytes]:
    about = json.dumps(
        {**_about(table, not_forecast), **facts}, indent=2, sort_keys=True, allow_nan=False
    )
    return {
        PARQUET: frame_bytes(table),
        CSV: frame_csv(table).encode(),
        ABOUT: f"{about}\n".encode(),
    }


def _about(table: pd.DataFrame, not_forecast: Sequence[str]) -> dict[str, object]:
    return {
        "origin_week": str(table["origin_week"].iloc[0]),
        "rows": len(table),
        "municipalities": int(table["municipality_code"].nunique()),
        "horizons_weeks": sorted(int(h) for h in table["horizon_weeks"].unique()),
        "outbreaks_expected": int(table["outbreak_expected"].sum()),
        "rows_with_scene": int(table["image_used"].sum()),
        "not_forecast": list(not_forecast),
        "not_forecast_count": len(not_forecast),
        "states": _states(table),
        "data_state": str(table.get("data_state", pd.Series([CURRENT])).iloc[0]),
    }


def _states(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """State -> unit -> why, of units that are not forecast as the others are."""
    marked = table[table["state"] != ""] if "state" in table.columns else table.iloc[:0]
    out: dict[str, dict[str, str]] = {}
    for row in marked.to_dict("records"):
        out.setdefault(str(row["state"]), {})[str(row["municipality_code"])] = str(row["why"])
    return out


def _content_id(files: Mapping[str, bytes]) -> str:
    return folder_id({name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()})


def _read(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
