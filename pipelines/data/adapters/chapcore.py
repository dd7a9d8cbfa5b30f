"""The adapter `chapcore`: chap-core's CSV, one record a location and week (2018-W05, or its two
days).

Rainfall is the week's sum, temperature its mean. ERA5 has metres and Kelvin:
`transform: {rainfall_mm: m_to_mm, temp_mean_c: kelvin_to_celsius}`.
"""

from __future__ import annotations

from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.counts import Layout, read_counts

_LAYOUT = Layout(
    {
        "unit": "location",
        "week": "time_period",
        "cases": "disease_cases",
        "population": "population",
        "temp_mean_c": "mean_temperature",
        "rainfall_mm": "rainfall",
    }
)


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of a chap-core table."""
    return read_counts(file, _LAYOUT)
