"""What was published: the rows of past forecasts as they went out, by unit, origin and horizon."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import DenguardError
from pipelines.weeks import Calendar, require_label

log = logging.getLogger(__name__)
COLUMNS = (
    "unit_id",
    "horizon_weeks",
    "origin_week_no",
    "target_week_no",
    "probability",
    "alarm",
    "threshold_cases",
    "head",
)
_TABLE = "forecast.parquet"
_SCHEMA = pa.schema(
    {
        "municipality_code": pa.string(),
        "horizon_weeks": pa.int64(),
        "origin_week": pa.string(),
        "target_week": pa.string(),
        "probability": pa.float64(),
        "outbreak_expected": pa.bool_(),
        "threshold_cases": pa.float64(),
        "head": pa.string(),
    }
)


def published_rows(folders: Sequence[Path], calendar: Calendar, since: int) -> pd.DataFrame:
    """Every published row with its origin at or after week `since`, COLUMNS.

    Args:
        folders: published forecasts, oldest first: of two with one origin the later one counts.

    Units that were held or did not report have no probability and no row. A forecast that cannot be
    read is passed over with a warning: one lost file must not keep every later model out.
    """
    tables = [own for folder in folders if (own := _read(folder, calendar, since)) is not None]
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pa.concat_tables(tables).to_pandas().dropna(subset=["probability"])
    table = table.reset_index(drop=True)
    labels = {*table["origin_week"], *table["target_week"]}
    weeks = {label: calendar.week_no(label) for label in labels}
    rows = pd.DataFrame(
        {
            "unit_id": table["municipality_code"],
            "horizon_weeks": table["horizon_weeks"].astype(np.int32),
            "origin_week_no": table["origin_week"].map(weeks).astype(np.int32),
            "target_week_no": table["target_week"].map(weeks).astype(np.int32),
            "probability": table["probability"],
            "alarm": table["outbreak_expected"].astype(bool),
            "threshold_cases": table["threshold_cases"],
            "head": table["head"].astype(str),
        }
    )
    return rows.drop_duplicates(["unit_id", "horizon_weeks", "origin_week_no"], keep="last")[
        list(COLUMNS)
    ]


def _read(folder: Path, calendar: Calendar, since: int) -> pa.Table | None:
    """One forecast, if its origin is not older; None with a warning if it cannot be used."""
    origin = folder.name.rpartition("-")[0]
    try:
        require_label(origin)
        if calendar.week_no(origin) < since:
            return None
        table = pq.ParquetFile(folder / _TABLE).read(_SCHEMA.names, use_threads=False)
        for label in {*table["origin_week"].to_pylist(), *table["target_week"].to_pylist()}:
            calendar.week_no(label)
        return table.select(_SCHEMA.names).cast(_SCHEMA)
    except (DenguardError, OSError, ValueError, TypeError, LookupError) as err:
        log.warning("the forecast %s cannot be read and is left out: %s", folder.name, err)
        return None
