"""The examples that the endpoint's own documentation shows."""

from __future__ import annotations

from typing import Any

ROW_EXAMPLE: dict[str, Any] = {
    "municipality_code": "05001",
    "municipality_name": "Medellín",
    "origin_week": "2018-w48",
    "horizon_weeks": 4,
    "recent_cases": [31, 28, 40, 37, 33, 29, 36, 41, 38, 30, 27, 35],
    "climate": [
        {"temp_mean_c": 21.4, "rainfall_mm": 190.0},
        {"temp_mean_c": 21.1, "rainfall_mm": 230.5},
        {"temp_mean_c": 21.0, "rainfall_mm": 180.2},
    ],
    "climate_month": "2018-11",
    "population": 2427129,
    "households_without_water_pct": 3.1,
    "houses_per_km2": 2100.0,
}


VECTOR_EXAMPLE: dict[str, Any] = {
    "municipality_code": "05001",
    "horizon_weeks": 4,
    "covariates": {
        "log1p_cases_lag00": 3.58,
        "log1p_cases_lag01": 3.33,
        "season_sin1": -0.5,
        "season_cos1": 0.87,
    },
    "image": None,
    "text": None,
}
