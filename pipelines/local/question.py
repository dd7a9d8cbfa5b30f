"""A question to the endpoint made from real data: the fields that a person would send."""

from __future__ import annotations

from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.place_config import WeekConfig
from pipelines.storage import read_json

_WEEKS_SENT = 53  # the week of a year ago has neighbours
_MONTHS_SENT = 3


def question_for(paths: DeploymentPaths, row: dict[str, Any]) -> dict[str, Any]:
    """What was known of the forecast row's municipality at its origin week, newest last.

    Args:
        row: a row of the forecast; municipality_code, municipality, origin_week, horizon_weeks and
            dataset_version are read.
    """
    from pipelines.data.samples import DATASET_FILE
    from pipelines.data.tables import Tables, latest_cases

    folder = paths.artifacts / "datasets" / str(row["dataset_version"])
    tables = Tables.load(folder / "tables")
    calendar = WeekConfig.model_validate(
        read_json(folder / DATASET_FILE).get("week") or {}
    ).calendar
    origin, unit = calendar.week_no(str(row["origin_week"])), str(row["municipality_code"])
    cases = latest_cases(tables).query("unit_id == @unit").set_index("week_no")["cases"]
    weeks = cases.reindex(range(origin - _WEEKS_SENT, origin + 1)).dropna().index.max()
    known = cases.reindex(range(int(weeks) - _WEEKS_SENT + 1, int(weeks) + 1))
    climate = tables.climate.query("unit_id == @unit").sort_values(["year", "month"])
    climate = climate[climate["available_date"] <= calendar.week_end(origin)].tail(_MONTHS_SENT)
    newest = f"{climate['year'].iloc[-1]}-{climate['month'].iloc[-1]:02d}" if len(climate) else None
    months = climate[["temp_mean_c", "rainfall_mm"]].to_dict("records")
    about = tables.units.query("unit_id == @unit").to_dict("records")[0]
    population = f"population_{calendar.epi_year(origin)}"
    return {
        "municipality_code": unit,
        "municipality_name": str(row["municipality"]) or None,
        "origin_week": str(row["origin_week"]),
        "horizon_weeks": int(row["horizon_weeks"]),
        "recent_cases": [_number(value) for value in known],
        "climate": [{str(k): _number(v) for k, v in month.items()} for month in months],
        "climate_month": newest,
        "population": _number(about.get(population, float("nan"))),
        "households_without_water_pct": _number(
            about.get("households_without_water_pct", float("nan"))
        ),
        "houses_per_km2": _number(about.get("houses_per_km2", float("nan"))),
    }


def _number(value: float) -> float | None:
    return None if value != value else float(value)  # NaN is a missing value
