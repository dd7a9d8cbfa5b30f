"""Tables as Parquet files: the one writer, and a quick reader of small ones.

Equal tables give equal bytes with one version of Arrow. Kept out of the package's own names,
because it imports Arrow.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage.files import write_atomic


def write_parquet(path: Path, table: pa.Table) -> Path:
    """Write a table whole or not at all, without metadata of the library that made it."""
    return write_atomic(path, table_bytes(table.replace_schema_metadata(None)))


def write_tables(
    path: Path,
    tables: Iterable[pa.Table],
    schema: pa.Schema,
    distinct: Sequence[str] = (),
    asked: Sequence[str] = (),
) -> Path:
    """Write tables of one schema one after the other into one file, of which only one is held at a
    time: into a folder that nobody sees yet, and which is brought to the disk as a whole.

    Args:
        distinct: columns of texts that are never the same and begin alike.
        asked: columns that readers filter by; the others have no ranges.
    """
    options: dict[str, Any] = {
        "compression": "zstd",
        "use_dictionary": [name for name in schema.names if name not in distinct],
        "column_encoding": dict.fromkeys(distinct, "DELTA_BYTE_ARRAY"),
        "write_statistics": list(asked),
    }
    with pq.ParquetWriter(path, schema, **options) as writer:
        for table in tables:
            writer.write_table(table)
    return path


def table_bytes(table: pa.Table, plain: bool = False) -> bytes:
    """A table as it is, metadata included.

    Args:
        plain: neither compressed nor by dictionary, which is quickest to read: for vectors, whose
            numbers neither repeat nor compress.
    """
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="none" if plain else "zstd", use_dictionary=not plain)
    return buffer.getvalue()


def frame_bytes(frame: pd.DataFrame, compression: Literal["snappy", "zstd"] = "snappy") -> bytes:
    """A frame without its index, with pandas' own note on its types."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression=compression)
    return buffer.getvalue()


def write_frame(
    path: Path, frame: pd.DataFrame, compression: Literal["snappy", "zstd"] = "snappy"
) -> Path:
    """Write a frame whole or not at all, for a reader that wants its types back."""
    return write_atomic(path, frame_bytes(frame, compression))


def read_frame(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A table that pandas wrote, with its types. A fifth of the time that pandas takes for a small
    one: no search for partitions and no thread is started.
    """
    table = pq.ParquetFile(path).read(columns=columns and list(columns), use_threads=False)
    frame: pd.DataFrame = table.to_pandas()
    return frame
