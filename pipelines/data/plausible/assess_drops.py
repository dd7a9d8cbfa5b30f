"""Checked drops of a place, assessed with all that rules want to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.arrived import arrivals, counted_before
from pipelines.data.plausible.assess import Assessment, assess
from pipelines.data.plausible.earlier import earlier_cells
from pipelines.data.plausible.remembered import Remembered
from pipelines.data.raw import RawDrop
from pipelines.data.readings import code_id
from pipelines.data.sources import Context
from pipelines.data.tables import Tables


def assess_drops(
    raws: Sequence[RawDrop],
    rows: pd.DataFrame,
    cells: pd.DataFrame,
    previous: Tables | None,
    context: Context,
    answers: Mapping[str, Answer],
    kept: Path | None = None,
) -> Assessment:
    """What is doubted in every drop, oldest first.

    Args:
        rows, cells: accepted ones, of checks.check_rows and checks.check_cells.
        previous: tables of the last accepted version, or None.
        kept: folder of what rules found in earlier runs; None = ask them about every drop.
    """
    maturity, limits = context.config.maturity, context.config.plausibility
    immature = max(maturity.weeks, maturity.nowcast_weeks)
    start = earlier_cells(previous, raws)
    alone = start is not None  # the drops do not tell what was accepted before them
    counted = counted_before(previous, raws, context.config, context.changes) if alone else {}
    meaning = [code_id(), limits.model_dump(mode="json"), immature, repr(context.calendar)]
    unknown = unknown_now(cells, context.config.updates == "full")
    found = assess(
        _with_withdrawn(cells, unknown),
        [raw.drop for raw in raws],
        context.calendar,
        limits,
        answers,
        start,
        arrivals(raws, rows),
        counted,
        immature_weeks=immature,
        remembered=Remembered(None if alone else kept, meaning),
    )
    held = unknown & ~found.cells["withdrawn"].reindex(cells.index, fill_value=False)
    withdrawn = cells["withdrawn"].astype(bool) & ~held
    return replace(found, cells=_with_withdrawn(found.cells, withdrawn))


def _with_withdrawn(cells: pd.DataFrame, withdrawn: pd.Series) -> pd.DataFrame:
    """The cells with another `withdrawn`; their other columns are not copied."""
    out = cells.copy(deep=False)
    out["withdrawn"] = withdrawn
    return out


def unknown_now(cells: pd.DataFrame, full: bool) -> pd.Series:
    """(cells,) which cells say that a value is not known any more.

    An empty cell does so in a full drop alone; elsewhere the value was not sent, and the one before
    it stays in force. A word of `data.unknown_again` does so everywhere.
    """
    return (cells["withdrawn"].astype(bool) & full) | cells["unknown_again"].astype(bool)
