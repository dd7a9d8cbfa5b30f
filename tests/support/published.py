"""A published forecast's rows: two units at two horizons, by one bundle for one origin week."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipelines.contracts import CURRENT
from pipelines.inference.forecast import FORECAST_COLUMNS


def forecast_rows(bundle_id: str, week: str, probability: float) -> pd.DataFrame:
    """A table that publish_forecast takes."""
    row: dict[str, Any] = {
        **dict.fromkeys(FORECAST_COLUMNS, "x"),
        "origin_week": week,
        "scene_date": None,
        "bundle_id": bundle_id,
        "outbreak_expected": False,
        "image_used": False,
        "provisional": True,
        "data_state": CURRENT,
        "state": "",
        "why": "",
        "probability_without": None,
    }
    rows = [
        {**row, "municipality_code": unit, "horizon_weeks": horizon, "probability": probability}
        for unit in ("05001", "05360")
        for horizon in (1, 4)
    ]
    return pd.DataFrame(rows)[list(FORECAST_COLUMNS)]
