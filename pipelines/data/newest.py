"""What the newest weeks lack: counts that are empty, climate that ended long before them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.months import month_end, month_label
from pipelines.data.raw import RawDrop, issue
from pipelines.data.tables import Tables
from pipelines.weeks import Calendar

OLD_CLIMATE_DAYS = 300


def newest_issues(raws: Sequence[RawDrop], tables: Tables, calendar: Calendar) -> list[Issue]:
    """Warnings, each with its file and row."""
    known = tables.cases.dropna(subset=["cases"])
    if known.empty or not raws:
        return []
    newest = int(known["week_no"].max())
    return [
        *_empty_weeks(raws[-1], newest, calendar),
        *_old_climate(raws, tables, newest, calendar),
    ]


def _empty_weeks(raw: RawDrop, newest: int, calendar: Calendar) -> list[Issue]:
    later = raw.cells[(raw.cells["kind"] == "week") & (raw.cells["when"] > newest)]
    empty = later[later["value"].isna()]
    if empty.empty:
        return []
    weeks, label = empty["when"].astype(int), calendar.week_label
    span = f"{label(weeks.min())}..{label(weeks.max())}"
    return [
        issue(
            Level.WARNING,
            "newest-weeks-empty",
            f"{weeks.nunique()} weeks are there without any count; the newest week is "
            f"{label(newest)}",
            _place(empty),
            "nothing to do if they are still to be counted; write 0 where there was no case",
            span,
            len(empty),
        )
    ]


def _old_climate(
    raws: Sequence[RawDrop], tables: Tables, newest: int, calendar: Calendar
) -> list[Issue]:
    climate = tables.climate.dropna(subset=["temp_mean_c", "rainfall_mm"], how="all")
    if climate.empty:
        return []
    last = int((climate["year"].astype(int) * 12 + climate["month"].astype(int) - 1).max())
    days = (calendar.week_end(newest) - month_end(last)).days
    if days <= OLD_CLIMATE_DAYS:
        return []
    cells = pd.concat(
        [
            raw.cells[raw.cells["kind"].isin(["temp", "rain"]) & (raw.cells["when"] == last)]
            for raw in raws
        ]
    )
    return [
        issue(
            Level.WARNING,
            "climate-ended",
            f"the climate ended with {month_label(last)}, {days // 30} months before the newest "
            "week: newer weeks have none",
            _place(cells),
            "deliver newer months, or leave the climate out",
            month_label(last),
            len(cells),
        )
    ]


def _place(cells: pd.DataFrame) -> str:
    if cells.empty:
        return ""
    first = cells.iloc[int(np.argmin(cells["row"].to_numpy()))]
    return f"{first['file']} row {first['row']}"
