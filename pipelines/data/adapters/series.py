"""The adapter `series`: daily, weekly or monthly climate of units, into months; and series of one's
own.

Columns: unit (or `options: {unit: ...}` for one station); date, or start, or year with week or
month; temp_mean_c (mean) and rainfall_mm (sum), in the units that `transform` converts. `options:
{every: day}` says how often, where the dates do not tell. Any other declared column is a series of
the place, such as humidity_pct: by week (days are averaged) or by month. `options: {every_unit:
true}` is for a file without a column of units that holds for each, such as an index of the ocean.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from pipelines.arrays import Days
from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.counts import drafted, first_days
from pipelines.data.adapters.dates import days_of
from pipelines.data.adapters.declared import add_series, own_names
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.figures import decimal_of
from pipelines.data.adapters.months_of_series import KINDS, Step, add_climate
from pipelines.data.adapters.names import Names, choose, require
from pipelines.data.adapters.options import options_of
from pipelines.data.adapters.records import Table, open_table
from pipelines.data.adapters.times import weeks_of


@guarded
def read(file: InputFile) -> Reading:
    """Monthly cells of a series."""
    table = open_table(file)
    names = choose(table, ("name", "year", "week", "month", "date", "start", "end", *KINDS))
    if not names.keys() & {*KINDS, *file.config.covariates}:
        require(table, names, *KINDS)
    draft = drafted(table, names)
    own = own_names(draft, names)
    values = [names[our][0] for our in (*KINDS, *own) if our in names]
    decimal = decimal_of(draft.records, values, table.separator)
    first_day, step = _steps(table, draft, names)
    add_climate(draft, names, first_day, step, decimal)
    add_series(draft, names, own, first_day, step, decimal)
    return draft.reading()


def _steps(table: Table, draft: Draft, names: Names) -> tuple[Days, Step]:
    if "month" in names:
        require(table, names, "year")
        return _months(draft, names["year"][0], names["month"][0]), "month"
    if "week" in names or "end" in names:
        return first_days(draft, weeks_of(draft, names)), "week"
    if "date" not in names and "start" not in names:
        require(table, names, "date")
    column = names.get("date", names.get("start", ("",)))[0]
    days = days_of(draft, column)
    draft.refuse(
        np.isnat(days),
        column,
        None,
        "no-date",
        f"the record has no date ({column!r} is empty)",
        "give its date, or leave the row out",
    )
    step: Step = options_of(draft.file).every or _step_of(draft, days)
    if step == "week":
        return first_days(draft, weeks_of(draft, names)), "week"
    return (days.astype("datetime64[M]").astype("datetime64[D]") if step == "month" else days), step


def _step_of(draft: Draft, days: Days) -> Step:
    """How often: by the gap between the days that are there. Raises Unreadable for uneven days."""
    distinct = np.unique(days[draft.fine])
    gaps: Any = np.diff(distinct).astype(np.int64)
    if not len(gaps):
        raise stop(
            "one-day-only",
            "the series has one day only",
            draft.file.named,
            "say how often it has a value with the input's `options: {every: day}`, week or month",
        )
    usual = int(np.median(gaps))
    if usual in (1, 7) or 28 <= usual <= 31:
        return "day" if usual == 1 else "week" if usual == 7 else "month"
    raise stop(
        "uneven-days",
        f"the days of the series are {usual} days apart",
        draft.file.named,
        "deliver a value each day, week or month, or say which with `options: {every: day}`",
    )


def _months(draft: Draft, year_column: str, month_column: str) -> Days:
    texts = zip(
        draft.records.columns[year_column], draft.records.columns[month_column], strict=True
    )
    days = np.array([_month(str(y), str(m)) for y, m in texts], dtype="datetime64[D]")
    draft.refuse(
        np.isnat(days),
        month_column,
        draft.records.columns[month_column],
        "not-a-month",
        "not the number of a month, or its year is none",
        "write year and month as 2018 and 5",
    )
    return days


def _month(year: str, month: str) -> np.datetime64:
    y, m = year.removesuffix(".0"), month.removesuffix(".0")
    good = re.fullmatch(r"[0-9]{4}", y) and re.fullmatch(r"0?[1-9]|1[0-2]", m)
    return np.datetime64(f"{y}-{int(m):02d}-01", "D") if good else np.datetime64("NaT", "D")
