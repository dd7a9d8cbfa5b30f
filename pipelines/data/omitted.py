"""Cells that a full drop leaves out, kept beside what is new in it, so that nothing else must be.

Whether an omission withdraws a value depends on units that later drops may bring: a unit without
cases is none, and does not count for the reach of a file. So both are kept a little wider than
today's answer: absent are all cells that were ever in a drop and that this drop does not mention,
within the reach of all its units; units that had no cases yet have a reach of their own.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.data.cell_keys import CellKeys
from pipelines.data.raw import EVERY_UNIT, KEY_COLUMNS, RawDrop
from pipelines.data.withdrawals import (
    cells_with_value,
    inside,
    mentioned,
    newest_cells,
    no_cells,
    reach_of,
)

_REACH = ["input", "fact", "unit_id"]


def can_be_followed(raw: RawDrop) -> bool:
    """Not where a file speaks for units that it does not name: line lists, series of the whole
    place.
    """
    return not raw.spans and not (raw.cells["unit_id"] == EVERY_UNIT).any()


class OmittedCells:
    """Follows full drops, oldest first.

    Args:
        changed: units whose codes changed: all their cells are kept, and nothing is noted of them.
    """

    def __init__(self, changed: Collection[str]) -> None:
        self._changed, self._keys, self._known = changed, CellKeys(), no_cells()
        self._counted: set[str] = set()

    def learn(self, raw: RawDrop) -> None:
        """Know the cells of an earlier drop; of a kept one what was new in it is enough."""
        if raw.usable:
            self._take(raw, cells_with_value(raw, self._keys))

    def of(self, raw: RawDrop) -> RawDrop:
        """The drop with what it leaves out, and how far it reaches; then know what it tells."""
        if not raw.usable:  # nobody asks what it leaves out
            return raw
        known_cells = cells_with_value(raw, self._keys)
        missing = self._known[~self._known["key"].isin(mentioned(raw, self._keys))]
        absent = inside(missing, reach_of(known_cells))
        absent = absent[~absent["unit_id"].isin(self._changed)]
        self._take(raw, known_cells)
        kept = absent[list(KEY_COLUMNS)].reset_index(drop=True)
        return replace(raw, absent=kept, reach=self._reach(known_cells))

    def _take(self, raw: RawDrop, known_cells: pd.DataFrame) -> None:
        weekly = raw.cells.loc[raw.cells["kind"] == "week", "unit_id"]
        self._counted |= {str(unit) for unit in weekly.dropna().unique()}
        self._known = newest_cells(known_cells, self._known)

    def _reach(self, known_cells: pd.DataFrame) -> pd.DataFrame:
        own = known_cells[~known_cells["unit_id"].isin(self._changed)]
        unit = np.where(own["unit_id"].isin(self._counted), "", own["unit_id"])
        spans = own[["input", "fact"]].assign(unit_id=unit, min=own["when"], max=own["when"])
        found = spans.groupby(_REACH, as_index=False).agg({"min": "min", "max": "max"})
        return found.astype({name: object for name in _REACH})
