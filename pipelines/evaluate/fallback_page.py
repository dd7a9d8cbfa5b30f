"""The page of a forecast that no finished run made: what it is, why, and its numbers.

Belongs here: that page as HTML and JSON. Does not belong here: making the forecast (steps/fallback.py)
and the report of a run (report.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.data.boundaries import UnitShapes
from pipelines.evaluate import report_forecast
from pipelines.evaluate.report import HTML, JSON, templates
from pipelines.storage import write_atomic, write_json


def write_page(
    about: Mapping[str, Any],
    table: pd.DataFrame,
    version: str,
    shapes: UnitShapes | None,
    out: Path,
) -> Path:
    """Write report.html and report.json into the folder `out`; return the page's path.

    Args:
        about: forecast.json: data_state, why, red_run, data_until, ...
        table: FORECAST_COLUMNS.
        version: name of the published forecast.
        shapes: of the units, for a map.
    """
    write_json(out / JSON, {**about, "forecast_version": version})
    forecast = report_forecast.forecast(table, {}, shapes)
    page = templates().get_template("fallback.html.j2")
    return write_atomic(out / HTML, page.render(about=about, version=version, forecast=forecast))
