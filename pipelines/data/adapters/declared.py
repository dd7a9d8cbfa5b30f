"""Series that a place declares under names of its own: humidity, an index of mosquitoes or of the
ocean.

A weekly or monthly value stays as it is. Days become the mean of their week, of which four must be
there; with `how: sum` their sum, of which none may lack.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.arrays import Days
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.months_of_series import MONTH_0, Step, numbers_of, once
from pipelines.data.adapters.names import COMMON, Names
from pipelines.data.raw import CELL_COLUMNS
from pipelines.input_config import BUILT_IN_COLUMNS

_CLEAN_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_MEAN_DAYS, _WEEK_DAYS = 4, 7  # days of a week that its mean, its sum must have


def own_names(draft: Draft, names: Names, but: Sequence[str] = ()) -> list[str]:
    """Our names of declared columns beyond the built-in ones. Raises Unreadable for an odd one."""
    own = [our for our in names if our not in BUILT_IN_COLUMNS]
    for our in own:
        if not _CLEAN_NAME.fullmatch(our):
            raise stop(
                "unknown-name",
                f"{our!r} is no name that the adapter knows, and none of a covariate",
                draft.file.named,
                f"use one of {', '.join(['unit', *COMMON])}, or a plain name such as "
                "houses_per_km2",
            )
    return [our for our in own if our not in but]


def add_series(
    draft: Draft, names: Names, own: Sequence[str], first_day: Days, step: Step, decimal: str
) -> None:
    """Weekly or monthly cells of declared series.

    Args:
        first_day: (N,) first day of each record's day, week or month; NaT where it is not known.
    """
    for our in own:
        column = names[our][0]
        number = numbers_of(draft, our, column, decimal)
        usable = draft.fine & np.isfinite(number) & ~np.isnat(first_day)
        frame = once(draft, column, number, first_day, usable)
        cells = _periods(draft, frame, step)
        value = np.array([f"{x:.10g}" for x in cells["number"]], dtype=object)
        kind = "monthly" if step == "month" else "weekly"
        cells = cells.assign(
            file=draft.file.named, column=column, kind=kind, clean=our, value=value
        )
        draft.add_cells(cells[list(CELL_COLUMNS)])


def _periods(draft: Draft, frame: pd.DataFrame, step: Step) -> pd.DataFrame:
    """unit_id, when, number, row, unit_row: one a unit and week, or a unit and month."""
    days = frame["day"].to_numpy().astype("datetime64[D]")
    if step == "month":
        return frame.assign(when=days.astype("datetime64[M]").astype(np.int64) + MONTH_0)
    distinct, at = np.unique(days, return_inverse=True)
    weeks = np.array(
        [draft.file.calendar.week_no_of_date(d.item()) for d in distinct], dtype=np.int64
    )
    frame = frame.assign(when=weeks[at] if len(distinct) else np.zeros(0, dtype=np.int64))
    if step == "week":
        return frame
    how = draft.file.config.how or "mean"
    table = (
        frame.groupby(["unit_id", "when"], sort=True)
        .agg(
            number=("number", how),
            known=("day", "size"),
            row=("row", "min"),
            unit_row=("unit_row", "first"),
        )
        .reset_index()
    )
    return table[table["known"] >= (_WEEK_DAYS if how == "sum" else _MEAN_DAYS)]
