"""Rows of a Parquet file as text; the header counts as row 1, so that rows are numbered as in a
CSV."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.arrays import Texts
from pipelines.data.adapters import InputFile
from pipelines.data.adapters.content import as_text, stop


def parquet_rows(file: InputFile) -> Iterator[tuple[int, list[str]]]:
    """The header, then the records. Raises Unreadable for a damaged file."""
    try:
        table = pq.ParquetFile(file.path).read()
    except (pa.ArrowException, OSError) as err:
        raise stop(
            "unreadable-table",
            f"the Parquet file is damaged: {err}",
            file.named,
            "write or copy it again",
        ) from err
    yield 1, list(table.column_names)
    columns = [_texts(table.column(i)) for i in range(table.num_columns)]
    for number, cells in enumerate(zip(*columns, strict=True), start=2):
        yield number, list(cells)


def _texts(column: pa.ChunkedArray) -> Texts:
    """(N,) text of a column; each distinct value is turned into text once."""
    coded = column.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    distinct = ["" if _unknown(value) else as_text(value) for value in coded.dictionary.to_pylist()]
    codes = pd.Series(coded.indices.to_pandas()).fillna(len(distinct)).to_numpy(dtype=np.int64)
    out: Texts = np.array([*distinct, ""], dtype=object)[codes]
    return out


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))
