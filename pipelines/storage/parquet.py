"""Tables as Parquet files: the one writer of whatever is named by its bytes.

Equal tables give equal bytes with one version of Arrow. Kept out of the package's own names,
because it imports Arrow.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage.files import write_atomic


def write_parquet(path: Path, table: pa.Table) -> Path:
    """Write a table whole or not at all, without metadata of the library that made it."""
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
    return write_atomic(path, sink.getvalue().to_pybytes())
