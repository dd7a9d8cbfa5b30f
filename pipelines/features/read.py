"""Reads a features folder into Examples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.arrays import Float32s
from pipelines.contracts import COVARIATE_NAMES, EncoderSpec, Modality
from pipelines.embed.store import in_order, read_vectors
from pipelines.errors import StoreError
from pipelines.features.rows import ROWS, read_rows, row_columns
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


def load_examples(features_dir: Path, horizon: int, origin_week_no: int | None = None) -> Examples:
    """All rows of one horizon with their vectors, sorted by sample_id.

    Covariates are those that features.json names, else those of contracts.COVARIATES that the rows
    have.

    Args:
        origin_week_no: read the rows of this origin alone, possibly none.

    Raises:
        StoreError: a file is absent, or a key that a row names has no vector.
    """
    return load_horizons(features_dir, (horizon,), origin_week_no)[horizon]


def load_horizons(
    features_dir: Path, horizons: Sequence[int], origin_week_no: int | None = None
) -> dict[int, Examples]:
    """The same of several horizons, read once; those whose rows name the same vectors share
    them."""
    names = _covariate_names(features_dir)
    table = _read_rows(features_dir, horizons, names, origin_week_no)
    week = WeekConfig.model_validate(_about(features_dir).get("week") or {})
    read = _Vectors(features_dir)
    found = {}
    for horizon in horizons:
        rows = _rows_of(table, horizon)
        if rows.empty and origin_week_no is None:
            raise _no_rows(horizon, features_dir)
        found[horizon] = Examples(
            horizon_weeks=horizon,
            sample_id=rows["sample_id"].to_numpy(dtype=object),
            unit_id=rows["unit_id"].to_numpy(dtype=object),
            origin_week_no=rows["origin_week_no"].to_numpy(dtype=np.int32),
            target_week_no=rows["target_week_no"].to_numpy(dtype=np.int32),
            covariates=rows[list(names)].to_numpy(dtype=np.float32),
            covariate_names=names,
            threshold_cases=rows["threshold_cases"].to_numpy(dtype=np.float32),
            label=rows["label"].to_numpy(dtype=np.float32),
            image=read.of("image", rows["image_key"]),
            text=read.of("text", rows["text_key"]),
            calendar=week.calendar,
        )
    return found


def _about(folder: Path) -> dict[str, Any]:
    embeddings = folder / "embeddings.json"
    return read_json(embeddings if embeddings.is_file() else folder / "features.json")


def encoder_spec(folder: Path, modality: Modality) -> EncoderSpec | None:
    """Whose vectors a feature or embedding version holds; None if it was made without encoders.

    Raises:
        StoreError: the folder does not say.
    """
    described = _about(folder)
    try:
        return EncoderSpec(**described[modality]) if described[modality] else None
    except (KeyError, TypeError) as err:
        raise StoreError(
            f"the version does not describe its {modality} encoder",
            where=str(folder),
            fix="run the features step again",
        ) from err


def _covariate_names(features_dir: Path) -> tuple[str, ...]:
    declared = _about(features_dir).get("covariates")
    present = set(row_columns(features_dir))
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


def _read_rows(
    features_dir: Path, horizons: Sequence[int], names: tuple[str, ...], origin: int | None
) -> pa.Table:
    columns = ["horizon_weeks", *_COLUMNS, *names]
    asked: list[tuple[str, str, Any]] = [("horizon_weeks", "in", list(horizons))]
    if origin is not None:
        asked.append(("origin_week_no", "=", origin))
    return read_rows(features_dir, columns, asked)


def _rows_of(table: pa.Table, horizon: int) -> pd.DataFrame:
    rows: pd.DataFrame = table.filter(pc.equal(table["horizon_weeks"], horizon)).to_pandas()
    return rows.sort_values("sample_id", kind="stable", ignore_index=True)


def _no_rows(horizon: int, features_dir: Path) -> StoreError:
    return StoreError(
        f"no row has horizon {horizon} weeks",
        where=str(features_dir / ROWS),
        fix="use a horizon of features.json",
    )


class _Vectors:
    """Vectors of a version, read once where horizons name the same ones; tables are sorted by
    key."""

    def __init__(self, features_dir: Path) -> None:
        self._folder = features_dir
        self._last: dict[Modality, tuple[list[str], Float32s]] = {}

    def of(self, modality: Modality, keys: pd.Series) -> ModalityVectors:
        """Those that the rows' keys name."""
        spec = encoder_spec(self._folder, modality)
        if spec is None:  # the profile has no encoders
            return ModalityVectors(np.zeros((0, 1), np.float32), np.full(len(keys), -1, np.int32))
        wanted = sorted(keys.dropna().unique())
        held, table = self._last.get(modality, (None, None))
        if held != wanted or table is None:
            table = version_vectors(self._folder, spec, wanted)
            self._last[modality] = wanted, table
        row = np.where(keys.isna(), -1, pd.Index(wanted).get_indexer(pd.Index(keys)))
        return ModalityVectors(table, row.astype(np.int32))


def version_vectors(folder: Path, spec: EncoderSpec, keys: Sequence[str]) -> Float32s:
    """(n, D) vectors of a feature or embedding version, in the order of the keys.

    Raises:
        StoreError: a key has no vector, or a shard cannot be read.
    """
    shards = (folder / "shards" / spec.space_id).glob("*.parquet") if len(keys) else ()
    distinct = list(dict.fromkeys(keys))
    vectors, absent = read_vectors(shards, spec.width, distinct)
    if absent:
        raise StoreError(
            f"{len(absent)} {spec.modality} vectors that rows name are absent",
            where=str(folder),
            fix="run the embed and features steps again",
        )
    return in_order(keys, distinct, vectors)
