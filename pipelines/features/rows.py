"""The rows of a feature version: one Parquet file a year of origins, in a folder named as a file.

    rows.parquet/<epidemiological year of the origin week>.parquet

A new week changes the newest year, so that the others are the same bytes as a week ago and are sent
nowhere again. Whoever reads Parquet reads such a folder as one table. Versions of before hold one
file of that name; both are read here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.arrays import AnyArray, Positions, stable_order
from pipelines.contracts import content_id
from pipelines.errors import StoreError

ROWS = "rows.parquet"
_ORDER = ("horizon_weeks", "unit_id", "origin_week_no")


def row_files(folder: Path) -> list[Path]:
    """The files of a version's rows, oldest year first; the one that versions of before have.

    Raises:
        StoreError: there is none.
    """
    rows = folder / ROWS
    found = sorted(rows.glob("*.parquet")) if rows.is_dir() else [rows]
    if not found or not found[0].is_file():
        raise StoreError(
            "the features folder holds no rows", where=str(rows), fix="run the features step again"
        )
    return found


def row_columns(folder: Path) -> list[str]:
    """Names of the rows' columns. Raises StoreError if there are no rows."""
    names: list[str] = pq.read_schema(row_files(folder)[-1]).names
    return names


def read_rows(
    folder: Path,
    columns: Sequence[str] | None = None,
    filters: Sequence[tuple[str, str, Any]] | None = None,
) -> pa.Table:
    """Rows of a version; years one after the other, each in order of horizon, unit and origin.

    Args:
        filters: as pyarrow takes them.

    Raises:
        StoreError: there are none.
    """
    row_files(folder)
    return pq.read_table(
        folder / ROWS,
        columns=None if columns is None else list(columns),
        filters=None if filters is None else list(filters),
        partitioning=None,
    )


def rows_in_order(folder: Path) -> pa.Table:
    """All of them in order of horizon, unit and origin, whatever files they lie in."""
    table = read_rows(folder)
    if len(row_files(folder)) == 1:
        return table
    return table.sort_by([(name, "ascending") for name in _ORDER])


def rows_id_of(folder: Path) -> str:
    """The RowsId of what a version's files hold."""
    files = row_files(folder)
    found = RowsId(in_order=len(files) == 1)
    for path in files:
        with pq.ParquetFile(path) as file:
            for at in range(file.num_row_groups):
                found.add(file.read_row_group(at))
            found.name(file.schema_arrow.names)
    return found.value()


class RowsId:
    """Hash of rows' values in order of horizon, unit and origin, whatever order they come in.

    No cut into files or pieces and no writer's version changes it. Of a row 14 bytes are held.

    Args:
        in_order: they come in that order.
    """

    def __init__(self, in_order: bool = False) -> None:
        self._in_order = in_order
        self._names: list[str] = []
        self._units: dict[str, int] = {}
        self._hashes: list[AnyArray] = []
        self._unit: list[AnyArray] = []
        self._horizon: list[AnyArray] = []

    def name(self, names: Iterable[str]) -> None:
        """Name the columns, where there may be no row."""
        self._names = list(names)

    def add(self, table: pa.Table) -> None:
        """Take rows that come after those before them within each horizon and unit."""
        self.name(table.schema.names)
        frame = table.to_pandas()
        hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
        self._hashes.append(hashes)
        if not self._in_order:
            units = table["unit_id"].combine_chunks().dictionary_encode()
            names = units.dictionary.to_pylist()
            known = [self._units.setdefault(unit, len(self._units)) for unit in names]
            self._unit.append(np.array(known, np.int32)[units.indices.to_numpy()])
            self._horizon.append(frame["horizon_weeks"].to_numpy(np.int16))

    def value(self) -> str:
        """Of all rows so far."""
        digest = hashlib.sha256()
        if self._hashes:
            hashes = np.concatenate(self._hashes)
            digest.update((hashes if self._in_order else hashes[self._order()]).tobytes())
        return content_id([self._names, digest.hexdigest()])

    def _order(self) -> Positions:
        rank = np.empty(len(self._units), np.int64)
        rank[[self._units[unit] for unit in sorted(self._units)]] = np.arange(len(rank))
        horizon = np.concatenate(self._horizon).astype(np.int64)
        code = horizon * len(rank) + rank[np.concatenate(self._unit)]
        return stable_order(code)


def by_year(folder: Path, columns: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """Name of each file below a version -> these columns of it."""
    for path in row_files(folder):
        table = pq.read_table(path, columns=list(columns), partitioning=None)
        yield path.relative_to(folder).as_posix(), table
