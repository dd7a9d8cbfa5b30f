"""Parquet files: what a reader of them relies on."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage.parquet import frame_bytes, table_bytes, write_frame


def test_a_frame_comes_back_with_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "week": np.array([1, 2], dtype=np.int16),
            "part": pd.Categorical(["train", "test"]),
            "image_file": [None, None],
        },
        index=[7, 9],
    )
    read = pd.read_parquet(write_frame(tmp_path / "rows.parquet", frame))
    pd.testing.assert_frame_equal(read, frame.reset_index(drop=True))


def test_equal_frames_give_equal_bytes() -> None:
    frame = pd.DataFrame({"cases": [1.0, np.nan], "unit_id": ["05001", None]})
    assert frame_bytes(frame, "zstd") == frame_bytes(frame.copy(), "zstd") != frame_bytes(frame)


def test_plain_pages_are_neither_compressed_nor_by_dictionary() -> None:
    table = pa.table({"key": ["a"] * 1000})
    chunk = pq.ParquetFile(pa.BufferReader(table_bytes(table, plain=True))).metadata
    assert chunk.row_group(0).column(0).compression == "UNCOMPRESSED"
    assert not chunk.row_group(0).column(0).has_dictionary_page
    assert len(table_bytes(table)) < len(table_bytes(table, plain=True))
