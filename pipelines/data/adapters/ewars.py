"""The adapter `ewars`: EWARS-csd's prospective table, one record a district and week.

`rainsum` is the week's sum in mm, `meantemperature` its mean in degree Celsius.
"""

from __future__ import annotations

from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.counts import Layout, read_counts

_LAYOUT = Layout(
    {
        "unit": "district",
        "year": "year",
        "week": "week",
        "cases": "weekly_hospitalised_cases",
        "population": "population",
        "temp_mean_c": "meantemperature",
        "rainfall_mm": "rainsum",
    }
)


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of an EWARS table."""
    return read_counts(file, _LAYOUT)
