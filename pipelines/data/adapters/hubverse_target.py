"""The adapter `hubverse_target`: a hub's target data (time series), weeks by their last day.

A submission of forecasts (`output_type`) is refused: its values were never counted.
"""

from __future__ import annotations

from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.content import guarded
from pipelines.data.adapters.counts import Layout, read_counts
from pipelines.data.adapters.records import open_table

_COLUMNS = {"unit": "location", "cases": "observation"}


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of a hub's target data."""
    header = open_table(file).header
    day = next((name for name in ("target_end_date", "date") if name in header), "target_end_date")
    return read_counts(file, Layout({**_COLUMNS, "end": day}))
