"""Layouts of the field by their headers, so that a refusal can say what reads the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.data.adapters.content import stop
from pipelines.data.adapters.records import Table

_FORECAST = "output_type"
_WEEK_COLUMN = re.compile(r"(?:19|20)[0-9]{2}[^0-9]{0,4}[0-5][0-9]")


@dataclass(frozen=True)
class Layout:
    """A layout of the field and what reads it."""

    adapter: str
    what: str
    marks: tuple[str, ...]  # columns that only this layout has together

    @property
    def fix(self) -> str:
        return f"this looks like {self.what}: read it with `adapter: {self.adapter}`"


LAYOUTS = (
    Layout("infodengue", "InfoDengue's alertcity", ("data_iniSE", "SE", "casos")),
    Layout("opendengue", "an OpenDengue extract", ("calendar_start_date", "dengue_total", "T_res")),
    Layout("line_list", "a SINAN line list", ("DT_NOTIFIC", "SEM_PRI", "ID_MN_RESI")),
    Layout("line_list", "a line list", ("Date_Onset", "Date_Notification")),
    Layout("dhis2", "a table pulled from DHIS2", ("time_period", "disease_cases", "location", "")),
    Layout("dhis2", "a table of DHIS2 analytics", ("dx", "pe", "ou", "value")),
    Layout("chapcore", "chap-core's table", ("time_period", "disease_cases", "location")),
    Layout("hubverse_target", "a hub's target data", ("observation", "location")),
    Layout("ewars", "an EWARS-csd table", ("district", "week", "weekly_hospitalised_cases")),
)


def fitting_layout(header: Sequence[str]) -> Layout | None:
    """The known layout of a header, or None."""
    named = set(header)
    found = next((layout for layout in LAYOUTS if named.issuperset(layout.marks)), None)
    if found is None and sum(bool(_WEEK_COLUMN.fullmatch(name)) for name in header) > 2:
        return Layout("wide", "a table with one column a week", ())
    return found


def refuse_forecast(table: Table) -> None:
    """Raise Unreadable for a hub's forecast: its values were never counted."""
    if _FORECAST in table.header:
        raise stop(
            "not-counts",
            "the file holds forecasts (a hubverse submission), not counts",
            f"{table.file.named} row {table.header_row}",
            "deliver counts; a hub's target data (date, location, observation) are read with "
            "`adapter: hubverse_target`, forecasts with the hub's own tools",
        )
