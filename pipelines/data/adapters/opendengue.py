"""The adapter `opendengue`: an OpenDengue extract, weeks by first and last day.

Only records of T_res = Week are counts of weeks. Several spatial resolutions or case definitions in
one file would count a case twice: the input's `keep` says which. The unit is `full_name`.
"""

from __future__ import annotations

from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.counts import Layout, read_counts
from pipelines.data.adapters.records import open_table
from pipelines.data.adapters.rules import require_one_of_each

_COLUMNS = {
    "unit": "full_name",
    "name": "adm_2_name",
    "parent": "adm_1_name",
    "start": "calendar_start_date",
    "end": "calendar_end_date",
    "cases": "dengue_total",
}
_ONE_OF = ("S_res", "case_definition_standardised")


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of an OpenDengue extract."""
    require_one_of_each(open_table(file), _ONE_OF, {"T_res": "Week"})
    return read_counts(file, Layout(_COLUMNS, {"T_res": ("Week",)}))
