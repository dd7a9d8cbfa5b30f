"""What was accepted before a drop, and what the drop says beside it: the view that rules look at.

Belongs here: matrices of counts and the frames of other cells, kept up to date drop by drop. Does not
belong here: what is doubted (rules).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.data.drops import Drop
from pipelines.weeks import Calendar

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
_KEYS = ["unit_id", "kind", "clean", "when"]


@dataclass(frozen=True)
class Seen:
    """One drop beside what was accepted before it (U units, W weeks).

    Attributes:
        unit_ids: (U,) units known so far, this drop's included.
        first_week_no: ordinal of column 0.
        before: (U, W) accepted counts, NaN where unknown.
        after: (U, W) the same with this drop's counts in their places, doubted or not.
        said: (U, W) which counts the drop brings, new or otherwise than before.
        others_before: last accepted value of every other cell: unit_id, kind, clean, when, number.
        others: cells of other kinds that the drop brings, same columns.
        is_first: nothing was accepted before this drop.
        immature_weeks: newest weeks that the profile declares to be incomplete.
    """

    drop: Drop
    calendar: Calendar
    unit_ids: tuple[str, ...]
    first_week_no: int
    before: Floats
    after: Floats
    said: Bools
    others_before: pd.DataFrame
    others: pd.DataFrame
    is_first: bool
    immature_weeks: int = 0

    def week_no(self, column: int) -> int:
        """Ordinal of a column."""
        return self.first_week_no + column

    @cached_property
    def newest(self) -> int | None:
        """Column of the newest week that the drop brings a count for, None if it brings none."""
        columns = np.flatnonzero((self.said & np.isfinite(self.after)).any(axis=0))
        return int(columns.max()) if len(columns) else None

    @cached_property
    def told(self) -> Floats:
        """(U, W) counts that the drop brings anew or otherwise than before, NaN elsewhere."""
        new = self.said & np.isfinite(self.after) & (self.after != self.before)
        return np.where(new, self.after, np.nan)

    def count_cells(self, doubted: Bools) -> pd.DataFrame:
        """CELL_KEYS of a (U, W) mask of counts."""
        unit, column = np.nonzero(doubted)
        return pd.DataFrame(
            {
                "unit_id": np.asarray(self.unit_ids, dtype=object)[unit],
                "kind": "week",
                "clean": "",
                "when": (column + self.first_week_no).astype(np.int64),
            }
        )

    def named(self, units: npt.NDArray[np.intp] | list[int], most: int = 5) -> str:
        """Codes of the units at these places, the first few."""
        ids = [self.unit_ids[int(u)] for u in units[:most]]
        return ", ".join(ids) + (", ..." if len(units) > most else "")


class History:
    """Accepted counts and other cells, as they grow."""

    def __init__(self, calendar: Calendar, immature_weeks: int = 0) -> None:
        self._calendar, self._immature = calendar, immature_weeks
        self._units: list[str] = []
        self._first, self._counts = 0, np.full((0, 0), np.nan)
        self._others = pd.DataFrame(columns=[*_KEYS, "number"])

    def beside(self, drop: Drop, cells: pd.DataFrame) -> Seen:
        """The drop's cells (raw.CELL_COLUMNS, `number` NaN where refused) beside what is accepted."""
        first = not self._units
        weekly = cells[cells["kind"] == "week"]
        self._make_room(weekly)
        after, said = self._counts.copy(), np.zeros(self._counts.shape, dtype=bool)
        row, column = self._places(weekly)
        number = weekly["number"].to_numpy(np.float64)
        known = np.isfinite(number)
        after[row[known], column[known]] = number[known]
        said[row, column] = True
        others = cells.loc[cells["kind"] != "week", [*_KEYS, "number"]].reset_index(drop=True)
        return Seen(
            drop,
            self._calendar,
            tuple(self._units),
            self._first,
            self._counts.copy(),
            after,
            said,
            self._others,
            others,
            first,
            self._immature,
        )

    def accept(self, cells: pd.DataFrame) -> None:
        """Take cells as known; those whose number is NaN say nothing, or withdraw (`withdrawn`)."""
        weekly = cells[cells["kind"] == "week"]
        self._make_room(weekly)
        row, column = self._places(weekly)
        number = weekly["number"].to_numpy(np.float64)
        says = np.isfinite(number) | weekly["withdrawn"].to_numpy(dtype=bool)
        self._counts[row[says], column[says]] = number[says]
        others = cells[(cells["kind"] != "week") & cells["number"].notna()]
        if len(others):
            both = pd.concat(
                [self._others, others[[*_KEYS, "number"]]]
                if len(self._others)
                else [others[[*_KEYS, "number"]]]
            )
            self._others = both.drop_duplicates(_KEYS, keep="last").reset_index(drop=True)

    def _places(self, weekly: pd.DataFrame) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        row = pd.Index(self._units, dtype=object).get_indexer(
            pd.Index(weekly["unit_id"], dtype=object)
        )
        return row, (weekly["when"].to_numpy(np.int64) - self._first).astype(np.intp)

    def _make_room(self, weekly: pd.DataFrame) -> None:
        """Rows and columns for every unit and week that the cells name."""
        if weekly.empty:
            return
        known = set(self._units)
        self._units += sorted({str(u) for u in weekly["unit_id"].unique()} - known)
        low, high = int(weekly["when"].min()), int(weekly["when"].max())
        if self._counts.shape[1]:
            low = min(low, self._first)
            high = max(high, self._first + self._counts.shape[1] - 1)
        grown = np.full((len(self._units), high - low + 1), np.nan)
        at = self._first - low if self._counts.shape[1] else 0
        grown[: self._counts.shape[0], at : at + self._counts.shape[1]] = self._counts
        self._first, self._counts = low, grown
