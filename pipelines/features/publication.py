"""What an embedding version is for analysts: the vectors behind a feature version, and whose they
are.

    rows.parquet/<year>.parquet         unit_id, origin_week, image_key, text_key
    shards/<space_id>/<sha256>.parquet  the store's immutable shards that the feature version has
    embeddings.json                     encoder specs, embedding version
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa

from pipelines.contracts import content_id
from pipelines.features.rows import by_year
from pipelines.storage import read_json
from pipelines.storage.parquet import table_bytes

_WHO, _KEYS = ("unit_id", "origin_week"), ("image_key", "text_key")


def embedding_files(features_dir: Path) -> tuple[str, dict[str, Path | bytes]]:
    """(name by content, name of each file -> the shard itself or the bytes to write).

    The name follows from the vectors and from whose they are, not from how they lie in shards.
    """
    about = read_json(features_dir / "features.json")
    files = {n: _distinct(part) for n, part in by_year(features_dir, [*_WHO, *_KEYS])}
    table = pa.concat_tables(files.values()).sort_by([(name, "ascending") for name in _WHO])
    described = {name: about[name] for name in ("embedding_version", "image", "text")}
    version = content_id([described, _rows_id(table)])
    shards = sorted((features_dir / "shards").glob("*/*.parquet"))
    return version, {
        "embeddings.json": (json.dumps(described, indent=2, sort_keys=True) + "\n").encode(),
        **{name: table_bytes(part) for name, part in files.items()},
        **{path.relative_to(features_dir).as_posix(): path for path in shards},
    }


def _distinct(table: pa.Table) -> pa.Table:
    """Lines with a vector, each once; horizons share them, 0 alone may have a prompt of its own."""
    rows = table.to_pandas().dropna(subset=list(_KEYS), how="all").drop_duplicates()
    rows = rows.sort_values(list(_WHO), kind="stable", ignore_index=True)
    schema = pa.schema([(name, pa.string()) for name in (*_WHO, *_KEYS)])
    return pa.Table.from_pandas(rows, schema=schema, preserve_index=False).replace_schema_metadata(
        None
    )


def _rows_id(table: pa.Table) -> str:
    lines = "\n".join(",".join(value or "" for value in row.values()) for row in table.to_pylist())
    return hashlib.sha256(lines.encode()).hexdigest()
