"""Clean tables that grow by the week, cut by time: a new week changes the newest files alone.

    cases.parquet/<week ordinal // 52>.parquet     climate.parquet/<year>.parquet

Whoever reads Parquet reads such a folder as one table; here its rows come in the table's own order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.arrays import Int64s, Positions, stable_order
from pipelines.storage import discard, new_folder
from pipelines.storage.parquet import write_parquet, write_tables

# Table -> the column of time that it is cut by; before it in the table's order stand these columns.
CUT: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "cases": ("week_no", ("unit_id",)),
    "climate": ("year", ("unit_id",)),
    "scenes": ("scene_date", ("unit_id",)),
    "series": ("period_no", ("name", "step", "unit_id")),
    "delays": ("week_no", ("unit_id",)),
    "notes": ("week_no", ("unit_id",)),
}
_PERIODS = {"week_no": 52, "period_no": 52, "year": 1}  # of one file; months of series: four years


def save_table(name: str, table: pa.Table, path: Path) -> None:
    """Write a table in its order: whole, or cut where it grows by the week."""
    if path.is_dir():
        discard(path)
    if name not in CUT or not table.num_rows:
        write_parquet(path, table)
        return
    path.unlink(missing_ok=True)
    plain = table.replace_schema_metadata(None)
    block = _blocks(plain[CUT[name][0]], CUT[name][0])
    by_time = plain.take(pa.array(stable_order(block - block.min())))
    numbers, counts = np.unique(block, return_counts=True)
    with new_folder(path) as folder:
        for number, end, rows in zip(numbers, np.cumsum(counts), counts, strict=True):
            part = by_time.slice(int(end - rows), int(rows))
            write_tables(folder / f"{number:04d}.parquet", [part], plain.schema)


def load_table(name: str, path: Path) -> pa.Table:
    """A table in its order, in whatever files it lies.

    Raises:
        FileNotFoundError: it is absent.
        pyarrow.ArrowInvalid, OSError: it is damaged.
    """
    if not path.is_dir():
        return pq.read_table(path, partitioning=None)
    files = sorted(path.glob("*.parquet"), key=lambda file: int(file.stem))
    parts = [pq.ParquetFile(file).read(use_threads=False) for file in files]
    table = pa.concat_tables(parts)
    return table.take(pa.array(_order(table, CUT[name][1])))


def _blocks(column: pa.ChunkedArray, name: str) -> Int64s:
    """(rows,) number of the file that each belongs to."""
    if pa.types.is_date(column.type):
        return np.asarray(pc.year(column).to_numpy(), dtype=np.int64)
    return np.asarray(column.to_numpy(), dtype=np.int64) // _PERIODS[name]


def _order(table: pa.Table, before: Sequence[str]) -> Positions:
    """Where each row of files in order of time lies in the table's order, by the columns that come
    before time: as quick as counting, for they have few values."""
    code = np.zeros(table.num_rows, dtype=np.int64)
    for name in before:
        column = table[name].combine_chunks().dictionary_encode()
        values = np.array(column.dictionary.to_pylist(), dtype=object)
        rank = np.empty(len(values), dtype=np.int64)
        rank[np.argsort(values, kind="stable")] = np.arange(len(values))
        code = code * len(values) + rank[column.indices.to_numpy()]
    return stable_order(code)
