"""Reads a features folder into Examples.

Belongs here: the join of rows and vectors. Does not belong here: making features (embed).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.arrays import Float32s
from pipelines.contracts import COVARIATE_NAMES, EncoderSpec, Modality
from pipelines.errors import StoreError
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.place_config import WeekConfig
from pipelines.storage import read_json

_COLUMNS = (
    "sample_id",
    "unit_id",
    "origin_week_no",
    "target_week_no",
    "threshold_cases",
    "label",
    "image_key",
    "text_key",
)


def load_examples(features_dir: Path, horizon: int) -> Examples:
    """All rows of one horizon with their vectors, sorted by sample_id.

    Covariates are those that features.json names, else those of contracts.COVARIATES that the rows
    have.

    Raises:
        StoreError: a file is absent, or a key that a row names has no vector.
    """
    specs = _encoder_specs(features_dir)
    names = _covariate_names(features_dir)
    rows, week = (
        _read_rows(features_dir, horizon, names),
        WeekConfig.model_validate(_about(features_dir).get("week") or {}),
    )
    return Examples(
        horizon_weeks=horizon,
        sample_id=rows["sample_id"].to_numpy(dtype=object),
        unit_id=rows["unit_id"].to_numpy(dtype=object),
        origin_week_no=rows["origin_week_no"].to_numpy(dtype=np.int32),
        target_week_no=rows["target_week_no"].to_numpy(dtype=np.int32),
        covariates=rows[list(names)].to_numpy(dtype=np.float32),
        covariate_names=names,
        threshold_cases=rows["threshold_cases"].to_numpy(dtype=np.float32),
        label=rows["label"].to_numpy(dtype=np.float32),
        image=_vectors(features_dir, specs["image"], rows["image_key"]),
        text=_vectors(features_dir, specs["text"], rows["text_key"]),
        calendar=week.calendar,
    )


def _about(features_dir: Path) -> dict[str, Any]:
    return read_json(features_dir / "features.json")


def _encoder_specs(features_dir: Path) -> dict[Modality, EncoderSpec | None]:
    described = _about(features_dir)
    try:
        return {m: described[m] and EncoderSpec(**described[m]) for m in ("image", "text")}
    except (KeyError, TypeError) as err:
        raise StoreError(
            "features.json does not describe both encoders",
            where=str(features_dir),
            fix="run the features step again",
        ) from err


def _covariate_names(features_dir: Path) -> tuple[str, ...]:
    declared = _about(features_dir).get("covariates")
    present = set(pq.read_schema(_rows_file(features_dir)).names)
    if declared is None:
        return tuple(name for name in COVARIATE_NAMES if name in present)
    absent = sorted(set(declared) - present)
    if absent:
        raise StoreError(
            f"the rows lack the covariates {', '.join(absent)}",
            where=str(features_dir),
            fix="run the features step again",
        )
    return tuple(map(str, declared))


def _rows_file(features_dir: Path) -> Path:
    path = features_dir / "rows.parquet"
    if not path.is_file():
        raise StoreError(
            "the features folder holds no rows", where=str(path), fix="run the features step again"
        )
    return path


def _read_rows(features_dir: Path, horizon: int, names: tuple[str, ...]) -> pd.DataFrame:
    path = _rows_file(features_dir)
    table = pq.read_table(
        path, columns=[*_COLUMNS, *names], filters=[("horizon_weeks", "=", horizon)]
    )
    if table.num_rows == 0:
        raise StoreError(
            f"no row has horizon {horizon} weeks",
            where=str(path),
            fix="use a horizon of features.json",
        )
    rows: pd.DataFrame = table.to_pandas()
    return rows.sort_values("sample_id", kind="stable", ignore_index=True)


def _vectors(features_dir: Path, spec: EncoderSpec | None, keys: pd.Series) -> ModalityVectors:
    """Vectors of the keys that rows name; the table is sorted by key."""
    if spec is None:  # the profile has no encoders
        return ModalityVectors(np.zeros((0, 1), np.float32), np.full(len(keys), -1, np.int32))
    wanted = pd.Index(sorted(keys.dropna().unique()))
    table = np.zeros((len(wanted), spec.width), dtype=np.float32)
    found = np.zeros(len(wanted), dtype=bool)
    shards = sorted((features_dir / "shards" / spec.space_id).glob("*.parquet"))
    for shard in shards if len(wanted) else ():
        stored_keys, stored = _read_shard(shard, spec.width)
        at = wanted.get_indexer(pd.Index(stored_keys))
        table[at[at >= 0]] = stored[at >= 0]
        found[at[at >= 0]] = True
    if not found.all():
        raise StoreError(
            f"{int((~found).sum())} {spec.modality} vectors that rows name are absent",
            where=str(features_dir),
            fix="run the embed and features steps again",
        )
    row = np.where(keys.isna(), -1, wanted.get_indexer(pd.Index(keys))).astype(np.int32)
    return ModalityVectors(table, row)


def _read_shard(shard: Path, width: int) -> tuple[list[str], Float32s]:
    stored = pq.read_table(shard, columns=["key", "vector"])
    flat = stored["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    try:
        return stored["key"].to_pylist(), flat.astype(np.float32).reshape(stored.num_rows, width)
    except ValueError as err:
        raise StoreError(
            f"a shard does not hold vectors of width {width}",
            where=str(shard),
            fix="run the embed step again",
        ) from err
