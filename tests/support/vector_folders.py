"""A folder of vectors that was made elsewhere, changed in one thing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.storage import read_json


def sha_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def in_header(folder: Path, **changed: Any) -> None:
    """Other values in the header."""
    raw = read_json(folder / "vectors.json")
    (folder / "vectors.json").write_text(json.dumps({**raw, **changed}))


def in_spec(folder: Path, **changed: Any) -> None:
    """Other values in the encoder's spec."""
    in_header(folder, spec={**read_json(folder / "vectors.json")["spec"], **changed})  # type: ignore[dict-item]


def in_table(
    folder: Path, change: Callable[[list[str], np.ndarray], tuple[list[str], Any]]
) -> None:
    """Another table, with its true hash in the header."""
    table = pq.read_table(folder / "vectors.parquet")
    names, vectors = change(table["input_sha256"].to_pylist(), np.stack(table["vector"].to_numpy()))
    pq.write_table(
        pa.table({"input_sha256": names, "vector": list(vectors)}), folder / "vectors.parquet"
    )
    in_header(folder, file_sha256=sha_of(folder / "vectors.parquet"))


def in_golden(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Other golden inputs or vectors."""
    raw: dict[str, Any] = read_json(folder / "golden.json")
    change(raw)
    (folder / "golden.json").write_text(json.dumps(raw))
