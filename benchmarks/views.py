"""One drop of a table of counts as the rules are shown it, without the walk that leads to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from real_tables import Story, week_drop

from pipelines.data.plausible.arrived import Arrived
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.rules import RULES
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion, no_cells
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import CDC

LIMITS = PlausibilityConfig()
_NOT_OF_COUNTS = {
    "rain",
    "temperature_jumps",
    "series_jumps",
    "population_jumps",
    "figures_of_others",
    "figures_reissued",
    "first_climate",
    "cases_shifted",
}


@dataclass(frozen=True)
class Table:
    """Weekly counts (U, W) of a real table; column 0 is week `first`, NaN where there is no such
    week.

    Attributes:
        people: populations, as Story.cells.
    """

    name: str
    ids: tuple[str, ...]
    first: int
    counts: Any
    people: pd.DataFrame

    def column(self, label: str) -> int:
        return CDC.week_no(label) - self.first


def table_of(story: Story) -> Table:
    """Units in the order of their codes."""
    weeks = story.cells[story.cells["kind"] == "week"]
    wide = weeks.pivot(index="unit_id", columns="when", values="number").sort_index()
    wide = wide.reindex(columns=range(wide.columns.min(), wide.columns.max() + 1))
    people = story.cells[story.cells["kind"] == "population"].reset_index(drop=True)
    return Table(story.name, tuple(wide.index), int(wide.columns[0]), wide.to_numpy(float), people)


def seen(table: Table, after: Any, before: Any, said: Any, is_first: bool = False) -> Seen:
    """A drop of this table beside what was accepted, as the rules are shown it."""
    drop = week_drop(table.first + after.shape[1] - 1)
    people = {"population": table.people}
    return Seen(
        drop,
        CDC,
        table.ids,
        table.first,
        before,
        after,
        said,
        {} if is_first else people,
        people if is_first else {},
        is_first,
        no_cells(),
        Arrived(),
        {},
    )


def found(view: Seen) -> list[Suspicion]:
    """What the rules on counts doubt; the others have nothing to look at here."""
    rules = [rule for rule in RULES if rule.__name__ not in _NOT_OF_COUNTS]
    return [one for rule in rules for one in rule(view, LIMITS) if one.outcome is not Outcome.NOTE]


def held(view: Seen, doubts: list[Suspicion]) -> tuple[Any, bool]:
    """(U, W) cells that are held or stand in a stopped drop, and whether the drop is stopped."""
    at = {unit: row for row, unit in enumerate(view.unit_ids)}
    mask = np.zeros(view.after.shape, dtype=bool)
    aside = np.zeros(view.after.shape, dtype=bool)  # counts to the share that stops a drop
    for one in doubts:
        own = one.cells[one.cells["kind"] == "week"]
        rows = [at[str(u)] for u in own["unit_id"]]
        cells = rows, own["when"].to_numpy(np.int64) - view.first_week_no
        mask[cells] = True
        mask[[at[u] for u in one.silent], -1] = True
        if one.direction is not Direction.HIGH:
            aside[cells] = True
            aside[[at[u] for u in one.silent], -1] = True
    units, with_counts = aside.any(axis=1).sum(), np.isfinite(view.after).any(axis=1).sum()
    crowded = units > 1 and units > LIMITS.max_held_share * max(with_counts, 1)
    return mask, bool(crowded) or any(d.outcome is Outcome.STOP for d in doubts)
