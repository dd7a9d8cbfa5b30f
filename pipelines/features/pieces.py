"""Labelled rows of a dataset by year of origins, in pieces that fit memory.

A piece holds all horizons of a year, or where a year has many rows one horizon of some units: in
the order that a feature version has its rows in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from pipelines.contracts import SAMPLE_KEYS, SAMPLE_TARGET, content_id
from pipelines.data.labels import label_of
from pipelines.data.threshold_lookup import Thresholds

PIECE_ROWS = 400_000
_ORDER = ["horizon_weeks", "unit_id", "origin_week_no"]
_YEAR = "epi_year="
_SOURCE = (
    *SAMPLE_KEYS,
    SAMPLE_TARGET,
    "image_uri",
    "image_sha256",
    "image_quality",
    "image_age_weeks",
    "image_date",
    "text_sha256",
)
_TEXT = ("image_key", "text_key", "image_quality", "image_uri", "text_sha256")
_NUMBER = ("threshold_cases", "label", "image_age_weeks")  # the last is unknown in some rows


def labelled_years(
    dataset_dir: Path, thresholds: Thresholds, names: Sequence[str]
) -> Iterator[tuple[str, Iterator[pd.DataFrame]]]:
    """Year of origins -> its rows that have a threshold, with it and their label, in a fixed order.

    A row whose origin year or season has none is left out here: whoever reads features never meets
    a threshold of NaN, so it is neither trained on nor forecast.
    """
    for folder in sorted((dataset_dir / "samples").glob(f"{_YEAR}*")):
        year = pads.dataset(folder, format="parquet")
        yield folder.name.removeprefix(_YEAR), _pieces(year, thresholds, names)


def row_schema(dataset_dir: Path, columns: Iterable[str]) -> pa.Schema:
    """Of a feature version's rows, the same in each year: a column may lack values in one of them,
    and thus its type."""
    files = sorted((dataset_dir / "samples").glob(f"{_YEAR}*/*.parquet"))
    read = pa.unify_schemas([pq.read_schema(f) for f in files], promote_options="permissive")
    made = dict.fromkeys(_TEXT, pa.string()) | dict.fromkeys(_NUMBER, pa.float64())
    return pa.schema([(n, made[n] if n in made else read.field(n).type) for n in columns])


def _pieces(
    year: pads.Dataset, thresholds: Thresholds, names: Sequence[str]
) -> Iterator[pd.DataFrame]:
    for chosen in _choices(year):
        table = year.to_table(columns=[*_SOURCE, *names], filter=chosen)
        rows: pd.DataFrame = table.to_pandas()
        del table  # else it is held as long as the rows are worked on
        yield _labelled(rows, thresholds)


def _choices(samples: pads.Dataset) -> Iterator[pads.Expression | None]:
    """What a piece is made of, in the order of the rows."""
    rows = samples.count_rows()
    if rows <= PIECE_ROWS:
        yield None
        return
    found = samples.to_table(columns=["horizon_weeks", "unit_id"])
    horizons = sorted(found["horizon_weeks"].unique().to_pylist())
    units = sorted(found["unit_id"].unique().to_pylist())
    parts = min(len(units), -(-rows // (len(horizons) * PIECE_ROWS)))
    for horizon in horizons:
        for group in np.array_split(np.array(units, dtype=object), parts):
            here = pads.field("unit_id").isin(group.tolist())
            yield (pads.field("horizon_weeks") == horizon) & here


def _labelled(rows: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    origin, target = (
        rows[name].to_numpy(np.int64) for name in ("origin_week_no", "target_week_no")
    )
    rows["threshold_cases"] = thresholds.of_rows(rows["unit_id"].tolist(), origin, target)
    rows = rows[rows["threshold_cases"].notna()]
    cases, limit = (rows[name].to_numpy(np.float64) for name in (SAMPLE_TARGET, "threshold_cases"))
    rows = rows.assign(label=label_of(cases, limit))
    return rows.sort_values(_ORDER, kind="stable", ignore_index=True)


def values_id(table: pa.Table) -> str:
    """Hash of a table's values, which no writer's version changes."""
    hashes = pd.util.hash_pandas_object(table.to_pandas(), index=False)
    digest = hashlib.sha256(hashes.to_numpy().tobytes())
    return content_id([table.column_names, digest.hexdigest()])
