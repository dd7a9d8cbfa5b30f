"""Thresholds that vary in a unit, as a file: what a bundle keeps of its label rule.

unit_id, origin_year, season_week, threshold_cases    one row a threshold that can be used
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.data.threshold_lookup import THRESHOLD_KEYS, Thresholds
from pipelines.errors import StoreError
from pipelines.storage.parquet import write_parquet
from pipelines.weeks import FIRST_YEAR, LAST_YEAR, SEASON_WEEKS, Calendar

SCHEMA = pa.schema(
    zip(THRESHOLD_KEYS, (pa.string(), pa.int32(), pa.int32(), pa.float64()), strict=True)
)
_FIX = "train again, or fetch the bundle again from the registry"


def write_thresholds(thresholds: Thresholds, path: Path) -> Path:
    """Write them by unit, year and season; the same thresholds give the same bytes."""
    table = pa.Table.from_pandas(thresholds.table(), SCHEMA, preserve_index=False)
    return write_parquet(path, table)


def read_thresholds(path: Path, calendar: Calendar) -> Thresholds:
    """The inverse of write_thresholds. Raises StoreError if the file holds anything else."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as err:
        raise StoreError(
            f"the thresholds cannot be read: {err}", where=str(path), fix=_FIX
        ) from err
    if not table.schema.equals(SCHEMA):
        raise StoreError(
            f"the thresholds must have the columns {', '.join(THRESHOLD_KEYS)} and their types",
            where=str(path),
            fix=_FIX,
        )
    rows = table.to_pandas()
    wrong = _wrong(rows)
    if wrong:
        raise StoreError(f"the thresholds {wrong}", where=str(path), fix=_FIX)
    return Thresholds.of_table(rows, calendar)


def _wrong(rows: pd.DataFrame) -> str:
    """What no label rule gives, "" if all is well: a look-up would then answer with something."""
    year, season = rows["origin_year"], rows["season_week"]
    if rows.empty or rows["unit_id"].isna().any():
        return "name no unit" if rows.empty else "have a row without a unit"
    if not np.isfinite(rows["threshold_cases"]).all() or (rows["threshold_cases"] < 0).any():
        return "have one that is no number of cases"
    if rows.duplicated(list(THRESHOLD_KEYS[:3])).any():
        return "have two rows for one unit, year and season"
    if any(column.isna().any() and column.notna().any() for column in (year, season)):
        return "name year or season in some rows alone"
    if not (
        year.dropna().between(FIRST_YEAR, LAST_YEAR).all()
        and season.dropna().between(1, SEASON_WEEKS).all()
    ):
        return "name a year or season that there is none of"
    return ""
