"""Checked drops of a place, judged with all that rules want to know of them.

Belongs here: what the judge is handed. Does not belong here: what it does with it (judge.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.arrived import arrivals, counted_before
from pipelines.data.plausible.earlier import earlier_cells
from pipelines.data.plausible.judge import Judgement, judge
from pipelines.data.raw import RawDrop
from pipelines.data.sources import Context
from pipelines.data.tables import Tables


def judge_drops(
    raws: Sequence[RawDrop],
    rows: pd.DataFrame,
    cells: pd.DataFrame,
    previous: Tables | None,
    context: Context,
    answers: Mapping[str, Answer],
) -> Judgement:
    """What is doubted in every drop, oldest first.

    Args:
        rows, cells: accepted ones, of checks.check_rows and checks.check_cells.
        previous: tables of the last accepted version, or None.
    """
    maturity = context.config.maturity
    return judge(
        cells.assign(withdrawn=unknown_now(cells, context.config.updates == "full")),
        [raw.drop for raw in raws],
        context.calendar,
        context.config.plausibility,
        answers,
        earlier_cells(previous, raws),
        arrivals(raws, rows),
        counted_before(previous, raws, context.config, context.changes),
        immature_weeks=max(maturity.weeks, maturity.nowcast_weeks),
    )


def unknown_now(cells: pd.DataFrame, full: bool) -> pd.Series:
    """(cells,) which cells say that a value is not known any more.

    An empty cell does so in a full drop alone; elsewhere the value was not sent, and the one before it
    stays in force. A word of `data.unknown_again` does so everywhere.
    """
    return (cells["withdrawn"].astype(bool) & full) | cells["unknown_again"].astype(bool)
