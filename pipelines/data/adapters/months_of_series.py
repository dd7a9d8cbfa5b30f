"""Daily and weekly climate into months: a sum of rain, a mean of temperature.

A week that lies in two months gives each its days. A month's sum needs every day, its mean may lack
ten (WMO-No. 1203, 2017, Guidelines on the Calculation of Climate Normals; its rule about five days
in a row is not asked); an input's
`options: {min_share: 0.9}` says otherwise, and a sum is then scaled to the whole month.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Days, Float64s
from pipelines.contracts import Level
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.figures import figures, transformed
from pipelines.data.adapters.options import options_of
from pipelines.data.adapters.records import absent
from pipelines.data.raw import CELL_COLUMNS, Kind

Step = Literal["day", "week", "month"]
How = Literal["sum", "mean"]
KINDS: dict[str, tuple[Kind, How]] = {
    "temp_mean_c": ("temp", "mean"),
    "rainfall_mm": ("rain", "sum"),
}
_MAY_LACK = 10  # days of a month's mean
MONTH_0 = 1970 * 12  # month number of 1970-01, where numpy begins to count


def add_climate(
    draft: Draft, names: dict[str, tuple[str, ...]], first_day: Days, step: Step, decimal: str
) -> None:
    """Monthly cells of every climate column.

    Args:
        first_day: (N,) first day of each record's day, week or month; NaT where it is not known.
    """
    for our, (kind, usual) in KINDS.items():
        if our not in names:
            continue
        how = draft.file.config.how or usual
        if (our, how) not in (("temp_mean_c", "mean"), ("rainfall_mm", "sum")):
            raise stop(
                "wrong-how",
                f"`how: {how}` makes no {our} of a month",
                draft.file.named,
                f"declare `how: {usual}`, or the two columns as two inputs; a daily mean of rain "
                "in weekly records becomes a sum with `transform: {rainfall_mm: "
                "daily_mean_to_weekly_sum}`",
            )
        column = names[our][0]
        number = numbers_of(draft, our, column, decimal)
        usable = draft.fine & np.isfinite(number) & ~np.isnat(first_day)
        _add_months(draft, column, kind, how, once(draft, column, number, first_day, usable), step)


def numbers_of(draft: Draft, our: str, column: str, decimal: str) -> Float64s:
    """(N,) numbers of a column in our unit, NaN where there is none; texts are refused."""
    text = draft.records.columns[column]
    _, number, odd = figures(text, decimal)
    bad = odd | (np.isnan(number) & ~absent(text))
    draft.refuse_cells(
        bad,
        column,
        text,
        "text-in-number",
        "not a number",
        "write a plain number, or name the text in the input's `missing`",
    )
    return transformed(our, np.where(bad, np.nan, number), draft.records)


def once(
    draft: Draft, column: str, number: Float64s, first_day: Days, usable: Bools
) -> pd.DataFrame:
    """Usable records, one a unit and time: of equal ones the first, of different ones none."""
    frame = pd.DataFrame(
        {
            "unit_id": draft.unit_id,
            "unit_row": draft.unit_row,
            "row": draft.records.rows,
            "day": first_day,
            "number": number,
        }
    )[usable]
    key = ["unit_id", "day"]
    if not frame.duplicated(key).any():
        return frame
    differ = frame.groupby(key)["number"].transform("nunique") > 1
    where: Bools = np.zeros(len(usable), dtype=bool)
    where[differ.index[differ]] = True
    draft.refuse_cells(
        where,
        column,
        draft.records.columns[column],
        "conflicting-values",
        "the same unit and time is there again with another value; none is used",
        "deliver each unit and time once",
    )
    return frame[~differ].drop_duplicates(key)


def _add_months(
    draft: Draft, column: str, kind: Kind, how: How, frame: pd.DataFrame, step: Step
) -> None:
    days = frame if step != "week" else _days_of_weeks(frame, how)
    months = days.assign(month=days["day"].to_numpy().astype("datetime64[M]"))
    table = (
        months.groupby(["unit_id", "month"], sort=True)
        .agg(
            number=("number", how),
            known=("day", "size"),
            row=("row", "min"),
            unit_row=("unit_row", "first"),
        )
        .reset_index()
    )
    if step != "month":
        table = _whole(draft, column, how, table)
    value = np.array([f"{x:.10g}" for x in table["number"]], dtype=object)
    when = table["month"].to_numpy().astype("datetime64[M]").astype(np.int64) + MONTH_0
    cells = table.assign(
        file=draft.file.named, column=column, kind=kind, clean="", when=when, value=value
    )
    draft.add_cells(cells[list(CELL_COLUMNS)])


def _days_of_weeks(frame: pd.DataFrame, how: How) -> pd.DataFrame:
    """Each week as its seven days, a sum spread evenly over them."""
    days = frame.loc[frame.index.repeat(7)].reset_index(drop=True)
    ahead = np.tile(np.arange(7), len(frame)).astype("timedelta64[D]")
    number = days["number"] / 7 if how == "sum" else days["number"]
    return days.assign(day=days["day"].to_numpy().astype("datetime64[D]") + ahead, number=number)


def _whole(draft: Draft, column: str, how: How, table: pd.DataFrame) -> pd.DataFrame:
    month = table["month"].to_numpy().astype("datetime64[M]")
    length = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
    asked = options_of(draft.file).min_share
    usual = length if how == "sum" else length - _MAY_LACK
    enough = table["known"].to_numpy() >= (usual if asked is None else asked * length)
    if n := int((~enough).sum()):
        draft.note(
            Level.INFO,
            "months-incomplete",
            f"{n} months of {column!r} have too few days and were left out",
            "nothing to do for the running month; deliver the missing days of others",
            rows=n,
        )
    number = table["number"] * (length / table["known"]) if how == "sum" else table["number"]
    whole: pd.DataFrame = table.assign(number=number)[enough]
    return whole
