"""What was published: the rows of past forecasts as they went out, by unit, origin and horizon.

Belongs here: reading the forecasts of a deployment as one table. Does not belong here: making or
publishing a forecast (pipelines/inference/forecast.py), scoring (recent.py).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

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
_READ = [
    "municipality_code",
    "horizon_weeks",
    "origin_week",
    "target_week",
    "probability",
    "outbreak_expected",
    "threshold_cases",
    "head",
]


def published_rows(folders: Sequence[Path], calendar: Calendar, since: int) -> pd.DataFrame:
    """Every published row with its origin at or after week `since`, COLUMNS.

    Args:
        folders: published forecasts, oldest first: of two with one origin the later one counts.

    Units that were held or did not report have no probability and no row. A forecast that cannot be
    read is passed over with a warning: one lost file must not keep every later model out.
    """
    frames = [own for folder in folders if (own := _read(folder, calendar, since)) is not None]
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS))
    rows = pd.concat(frames, ignore_index=True)
    return rows.drop_duplicates(["unit_id", "horizon_weeks", "origin_week_no"], keep="last")[
        list(COLUMNS)
    ]


def _read(folder: Path, calendar: Calendar, since: int) -> pd.DataFrame | None:
    origin = folder.name.rpartition("-")[0]
    try:
        require_label(origin)
        if calendar.week_no(origin) < since:
            return None
        table = pd.read_parquet(folder / _TABLE, columns=_READ).dropna(subset=["probability"])
        weeks = {w: calendar.week_no(w) for w in {*table["origin_week"], *table["target_week"]}}
        return pd.DataFrame(
            {
                "unit_id": table["municipality_code"].astype(str),
                "horizon_weeks": table["horizon_weeks"].astype(np.int32),
                "origin_week_no": table["origin_week"].map(weeks).astype(np.int32),
                "target_week_no": table["target_week"].map(weeks).astype(np.int32),
                "probability": table["probability"].astype(np.float64),
                "alarm": table["outbreak_expected"].astype(bool),
                "threshold_cases": table["threshold_cases"].astype(np.float64),
                "head": table["head"].astype(str),
            }
        )
    except (DenguardError, OSError, ValueError, LookupError) as err:
        log.warning("the forecast %s cannot be read and is left out: %s", folder.name, err)
        return None
