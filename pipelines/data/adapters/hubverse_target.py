"""The adapter `hubverse_target`: a hub's target data (time series), weeks by their last day.

A submission of forecasts (`output_type`) is refused: its values were never counted. Of several
vintages (`as_of`) or targets in one file, the input's `keep` says which.
"""

from __future__ import annotations

from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.counts import Layout, read_counts
from pipelines.data.adapters.layouts import refuse_forecast
from pipelines.data.adapters.records import open_table
from pipelines.data.adapters.rules import require_one_of_each

_COLUMNS = {"unit": "location", "cases": "observation"}


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of a hub's target data."""
    table = open_table(file)
    refuse_forecast(table)
    require_one_of_each(table, ("as_of", "target"), {})
    days = [name for name in ("target_end_date", "date") if name in table.header]
    day = days[0] if days else "date"
    return read_counts(file, Layout({**_COLUMNS, "end": day}))
