"""Tables as the bytes of Parquet files, for those that parquet.py's own form does not fit.

Belongs here: bytes that go on to more than one place, pandas frames that keep pandas' types, plain
pages for vectors. Does not belong here: a table that becomes one file (parquet.py).
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage.files import write_atomic


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
