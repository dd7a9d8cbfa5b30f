"""The tables inside a pulled version, and the same tables as CSV.

CSV of equal Parquet is byte-equal. Codes such as 05001 are text: read CSV with
`dtype={"municipality_code": str}` and the like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from pipelines.data.table_blocks import load_table
from pipelines.errors import VersioningError
from pipelines.features.export import vector_table
from pipelines.features.rows import rows_in_order
from pipelines.storage import write_atomic
from pipelines.storage.people_csv import table_csv
from pipelines.versioning.entry import Kind

Read = Callable[[Path], pa.Table]
_SERIES = "series"  # in versions of places that declare any


def _file(name: str) -> Read:
    return lambda folder: pq.read_table(folder / name, partitioning=None)


def _clean(name: str) -> Read:
    return lambda folder: load_table(name, folder / "tables" / f"{name}.parquet")


def _samples(folder: Path) -> pa.Table:
    years = pads.dataset(folder / "samples", format="parquet", partitioning="hive")
    return years.to_table().sort_by([("sample_id", "ascending")])


_TABLES: Mapping[Kind, Mapping[str, Read]] = {
    "samples": {
        "samples": _samples,
        "thresholds": _file("thresholds.parquet"),
        **{name: _clean(name) for name in ("cases", "climate", "scenes", "units", _SERIES)},
    },
    "features": {
        "rows": rows_in_order,
        "image": lambda folder: vector_table(folder, "image"),
        "text": lambda folder: vector_table(folder, "text"),
    },
    "embeddings": {
        "image": lambda folder: vector_table(folder, "image"),
        "text": lambda folder: vector_table(folder, "text"),
    },
    "forecasts": {"forecast": _file("forecast.parquet")},
}


def table_names(kind: Kind) -> list[str]:
    """Tables of a kind; the first is the one meant if none is named. Empty: it has only files."""
    return list(_TABLES.get(kind, {}))


def read_table(folder: Path, kind: Kind, name: str | None = None) -> pa.Table:
    """One table of a pulled version.

    Raises:
        VersioningError: the kind has no such table; it lists those there are.
    """
    tables = _TABLES.get(kind, {})
    if not tables:
        raise VersioningError(
            f"a {kind} version holds files and no table", fix="pull it and open the files"
        )
    if name is None and kind == "embeddings":
        raise VersioningError("embeddings have two tables", fix="name one: image or text")
    chosen = name or next(iter(tables))
    if chosen not in tables:
        raise VersioningError(
            f"a {kind} version has no table {chosen!r}", fix=f"use one of {', '.join(tables)}"
        )
    if chosen == _SERIES and not _has_series(folder):
        raise VersioningError(
            "the place declares no series of its own: the version has no such table",
            fix=f"use another of {', '.join(tables)}",
        )
    return tables[chosen](folder)


def _has_series(folder: Path) -> bool:
    return (folder / "tables" / f"{_SERIES}.parquet").exists()


def write_csv(folder: Path, kind: Kind) -> list[Path]:
    """Write every table of a pulled version as `<folder>/<table>.csv`; return the files.

    A CSV that belongs to the version itself is left as it is.
    """
    written = []
    for name in (n for n in table_names(kind) if n != _SERIES or _has_series(folder)):
        target = folder / f"{name}.csv"
        if kind != "forecasts":  # a forecast brings its CSV, byte for byte as it was published
            write_atomic(target, table_csv(read_table(folder, kind, name)))
        written.append(target)
    return written
