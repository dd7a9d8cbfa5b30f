"""Labelled rows of a dataset in pieces that fit memory, and tables that are kept so.

A piece holds all horizons of a small dataset, else one horizon of some units: in the order that a
feature version has its rows in.
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
from pipelines.storage import write_atomic
from pipelines.storage.parquet import table_bytes, write_tables

PIECE_ROWS = 400_000
_ORDER = ["horizon_weeks", "unit_id", "origin_week_no"]
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


def labelled_pieces(
    dataset_dir: Path, thresholds: Thresholds, names: Sequence[str]
) -> Iterator[pd.DataFrame]:
    """Rows that have a threshold, with it and their label, in a fixed order.

    A row whose origin year or season has none is left out here: whoever reads features never meets
    a threshold of NaN, so it is neither trained on nor forecast.
    """
    samples = pads.dataset(dataset_dir / "samples", format="parquet", partitioning="hive")
    for chosen in _choices(samples):
        table = samples.to_table(columns=[*_SOURCE, *names], filter=chosen)
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


class KeptTables:
    """Tables one after the other as if they were one: the first in memory, more of them in files.

    Attributes:
        rows: of all of them.
    """

    def __init__(self, folder: Path) -> None:
        self.rows = 0
        self._folder = folder
        self._first: pa.Table | None = None
        self._files: list[Path] = []
        self._schemas: list[pa.Schema] = []

    def add(self, table: pa.Table) -> None:
        """Keep one more. A column may lack values, and thus its type, where others have them."""
        if self._first is not None:
            self._put_away(self._first)
            self._first = None
        if self._schemas:
            self._put_away(table)
        else:
            self._first = table
        self._schemas.append(table.schema)
        self.rows += table.num_rows

    def __iter__(self) -> Iterator[pa.Table]:
        schema = self.schema
        for table in self._tables():
            yield table.cast(schema)

    @property
    def schema(self) -> pa.Schema:
        """Of all: a column without values somewhere has the type that it has elsewhere."""
        return pa.unify_schemas(self._schemas, promote_options="permissive")

    def version(self) -> str:
        """Their values_id."""
        return values_id(self.schema.names, self)

    def write(self, path: Path) -> None:
        """One Parquet file of all of them."""
        if self._first is not None:
            write_atomic(path, table_bytes(self._first))
            return
        write_tables(path, self, self.schema)

    def _tables(self) -> Iterator[pa.Table]:
        if self._first is not None:
            yield self._first
        for path in self._files:
            yield pq.read_table(path)

    def _put_away(self, table: pa.Table) -> None:
        path = self._folder / f"{len(self._files)}.parquet"
        write_atomic(path, table_bytes(table, plain=True))
        self._files.append(path)


def values_id(names: Sequence[str], tables: Iterable[pa.Table]) -> str:
    """Hash of a table's values, which no cut into pieces and no writer's version changes."""
    digest = hashlib.sha256()
    for table in tables:
        hashes = pd.util.hash_pandas_object(table.to_pandas(), index=False)
        digest.update(hashes.to_numpy().tobytes())
    return content_id([list(names), digest.hexdigest()])


def values_id_of_file(path: Path) -> str:
    """values_id of what a Parquet file holds."""
    with pq.ParquetFile(path) as file:
        groups = (file.read_row_group(at) for at in range(file.num_row_groups))
        return values_id(file.schema_arrow.names, groups)
