"""The adapter `opendengue`: an OpenDengue extract, weeks by first and last day.

Only records of T_res = Week are counts of weeks. Several spatial resolutions or case definitions in
one file would count a case twice: the input's `keep` says which. The unit is `full_name`.
"""

from __future__ import annotations

from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.content import guarded, stop
from pipelines.data.adapters.counts import Layout, read_counts
from pipelines.data.adapters.records import Table, open_table

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
    _require_one_of_each(open_table(file))
    return read_counts(file, Layout(_COLUMNS, {"T_res": ("Week",)}))


def _require_one_of_each(table: Table) -> None:
    asked = [n for n in _ONE_OF if n in table.header and n not in table.file.config.keep]
    records = table.records([*asked, *(["T_res"] if "T_res" in table.header else [])])
    weekly = records.columns["T_res"] == "Week" if "T_res" in records.columns else slice(None)
    for name in asked:
        found = sorted({str(value) for value in records.columns[name][weekly]})
        if len(found) > 1:
            raise stop("counted-twice", f"the file has records of {name} {', '.join(found)}: a case would be counted more than once", table.file.named, f"keep one of them: `keep: {{{name}: [{found[0]}]}}` of the input")  # fmt: skip
