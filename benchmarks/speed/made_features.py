"""Feature versions of any size, made of random numbers: what a head is trained on.

Rows, keys and vectors lie as build_features leaves them; nothing in them can be learned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts import COVARIATE_NAMES, EncoderSpec, Modality
from pipelines.storage import write_json

WIDTH, HORIZON = 512, 4
_SHARD_ROWS, _UNITS = 16_384, 1_121


def make_features(folder: Path, rows: int) -> Path:
    """A folder that load_examples reads: every row with an image and a text of its own.

    1,121 units a week, as Colombia has; 512 floats a modality.
    """
    folder.mkdir(parents=True)
    specs = {modality: _spec(modality) for modality in ("image", "text")}
    names = {m: asdict(spec) for m, spec in specs.items()}
    write_json(folder / "features.json", {**names, "covariates": list(COVARIATE_NAMES)})
    writer = None
    for start, part in enumerate(_parts(rows)):
        table = _rows(part, np.random.default_rng(start))
        writer = writer or pq.ParquetWriter(folder / "rows.parquet", table.schema)
        writer.write_table(table)
        for modality, spec in specs.items():
            _write_shard(folder / "shards" / spec.space_id, table[f"{modality}_key"], start)
    if writer is not None:
        writer.close()
    return folder


def _spec(modality: Modality) -> EncoderSpec:
    return EncoderSpec("made", modality, WIDTH, "", "none", "none", "float32", 1, "made")


def _parts(rows: int) -> Iterator[range]:
    return (range(start, min(start + _SHARD_ROWS, rows)) for start in range(0, rows, _SHARD_ROWS))


def _rows(part: range, rng: np.random.Generator) -> pa.Table:
    number = np.arange(part.start, part.stop)
    week, unit = number // _UNITS, number % _UNITS
    numbers = {name: rng.standard_normal(len(part), dtype=np.float32) for name in COVARIATE_NAMES}
    return pa.table(
        {
            "sample_id": [
                f"{u:05d}-{w:05d}-h{HORIZON:02d}" for u, w in zip(unit, week, strict=True)
            ],
            "unit_id": [f"{u:05d}" for u in unit],
            "horizon_weeks": np.full(len(part), HORIZON, np.int32),
            "origin_week_no": week.astype(np.int32),
            "target_week_no": (week + HORIZON).astype(np.int32),
            "threshold_cases": np.full(len(part), 5.0),
            "label": rng.integers(0, 2, len(part)).astype(np.float64),
            **{f"{m}_key": [_key(m, int(n)) for n in number] for m in ("image", "text")},
            **numbers,
        }
    )


def _key(modality: str, number: int) -> str:
    return hashlib.sha256(f"{modality} {number}".encode()).hexdigest()


def _write_shard(folder: Path, keys: pa.ChunkedArray, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([number, len(folder.name)])
    flat = pa.array(rng.standard_normal(len(keys) * WIDTH, dtype=np.float32))
    table = pa.table({"key": keys, "vector": pa.FixedSizeListArray.from_arrays(flat, WIDTH)})
    path = folder / f"{number:05d}.parquet"
    pq.write_table(table, path, compression="none", use_dictionary=False)
