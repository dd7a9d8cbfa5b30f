"""The adapter `infodengue`: InfoDengue's alertcity table, newest week first, one municipality a
file.

The municipality's code stands in `municipio_geocodigo`, where the file has it, else in the input's
`options: {unit: '3304557'}`. Weeks go by `data_iniSE`,
their first day, where it is there, else by `SE` (YYYYWW). `casos` are counts; `casos_est` are a
nowcast and are not read.
"""

from __future__ import annotations

from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.counts import Layout, read_counts
from pipelines.data.adapters.records import open_table

_COLUMNS = {
    "unit": "municipio_geocodigo",
    "name": "municipio_nome",
    "start": "data_iniSE",
    "week": "SE",
    "cases": "casos",
    "population": "pop",
    "temp_mean_c": "tempmed",
}


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of an alertcity table."""
    table = open_table(file)
    if not {"municipio_geocodigo"} & set(table.header) and not {"unit"} & (
        file.config.columns.keys() | file.config.options.keys()
    ):
        raise stop(
            "missing-column",
            "the file does not say which municipality it is of",
            f"{file.named} row {table.header_row}",
            "name its code in the input: `options: {unit: '3304557'}`",
        )
    return read_counts(file, Layout(_COLUMNS))
