"""Embeddings as CSV, as the paper keeps them: one line per municipality and week, one column a
number.

Source: Restrepo et al. 2024 write each modality's embeddings once as a CSV file and train on it.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from pipelines.contracts import Modality
from pipelines.errors import ConfigError
from pipelines.features.read import encoder_spec, version_vectors
from pipelines.features.rows import read_rows
from pipelines.storage import write_atomic
from pipelines.storage.people_csv import table_csv

_LABELS = ("unit_id", "origin_week")


def export_csv(features_dir: Path, modality: Modality, to: Path) -> int:
    """Write the vectors of one modality as `vector_table` gives them; return the number of lines.

    Raises: as vector_table.
    """
    table = vector_table(features_dir, modality)
    write_atomic(to, table_csv(table))
    return int(table.num_rows)


def vector_table(folder: Path, modality: Modality) -> pa.Table:
    """The vectors of one modality of a feature or embedding version.

    Columns: municipality_code, epi_week, key, then embedding_0 .. embedding_<width-1>; one line
    per municipality and origin week that has the modality, in that order.

    Raises:
        ConfigError: no such modality, or the version was made without encoders.
        StoreError: the folder is no such version or its vectors are damaged.
    """
    if modality not in ("image", "text"):
        raise ConfigError(f"no modality {modality!r}", fix="use image or text")
    spec = encoder_spec(folder, modality)
    if spec is None:
        raise ConfigError(
            f"this version holds no {modality} vectors",
            where=str(folder),
            fix="name encoders under `embed` in the profile and run it again",
        )
    key = f"{modality}_key"
    rows = read_rows(folder, [*_LABELS, key]).to_pandas()
    rows = rows.dropna(subset=[key]).drop_duplicates(list(_LABELS)).sort_values(list(_LABELS))
    vectors = version_vectors(folder, spec, rows[key].tolist())
    columns = {
        "municipality_code": pa.array(rows["unit_id"], pa.string()),
        "epi_week": pa.array(rows["origin_week"], pa.string()),
        "key": pa.array(rows[key], pa.string()),
    }
    columns |= {f"embedding_{j}": pa.array(vectors[:, j]) for j in range(spec.width)}
    return pa.table(columns)
