"""The adapter `long`: one record a unit and week, as CSV, XLSX or Parquet; or one a unit and year.

Columns (`columns`, or common names where none are given): unit; year and week, or week (2018-W05,
201805), or date, or start and end; cases; optionally name, parent, population, temp_mean_c,
rainfall_mm (of the week). For `table: units`: unit, name, year, population and any other covariate.
For `table: notes`: see notes.py.
"""

from __future__ import annotations

from pipelines.data.adapters import InputFile, Reading, notes, series
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.counts import read_counts, read_units


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of a long table."""
    if file.config.table == "units":
        return read_units(file)
    if file.config.table == "notes":
        return notes.read_notes(file)
    return series.read(file) if file.config.table == "climate" else read_counts(file)
