"""What was accepted before a drop, and what the drop delivers: the input of the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Float64s, Positions
from pipelines.data.cell_texts import coded, plain
from pipelines.data.drops import Drop
from pipelines.data.plausible.arrived import Arrived
from pipelines.data.plausible.suspicion import no_cells
from pipelines.weeks import Calendar

_KEYS = ["unit_id", "kind", "clean", "when"]
_NOTHING = no_cells().assign(number=pd.Series(dtype="float64"))


@dataclass(frozen=True)
class Seen:
    """One drop beside what was accepted before it (U units, W weeks).

    Attributes:
        unit_ids: (U,) units known so far, this drop's included.
        first_week_no: ordinal of column 0.
        before: (U, W) accepted counts, NaN where unknown.
        after: (U, W) the same with this drop's counts in their places, doubted or not.
        delivered: (U, W) which counts the drop brings, new or otherwise than before.
        others_before: kind -> last accepted value of every cell: unit_id, kind, clean, when,
            number.
        others: kind -> cells of other kinds that the drop brings, same columns.
        is_first: nothing was accepted before this drop.
        withdrawn: cells of any kind that the drop withdraws: unit_id, kind, clean, when.
        arrived: what the drop contains beside its cells.
        expected: input -> units that earlier drops' files of that name had counts of.
        immature_weeks: newest weeks that the profile declares to be incomplete.
    """

    drop: Drop
    calendar: Calendar
    unit_ids: tuple[str, ...]
    first_week_no: int
    before: Float64s
    after: Float64s
    delivered: Bools
    others_before: Mapping[str, pd.DataFrame]
    others: Mapping[str, pd.DataFrame]
    is_first: bool
    withdrawn: pd.DataFrame
    arrived: Arrived
    expected: Mapping[str, frozenset[str]]
    immature_weeks: int = 0

    def news(self, kind: str) -> pd.DataFrame:
        """Known values of a kind that the drop brings, once each, no index; perhaps none. The rules
        share the frame: do not write into it."""
        if kind not in self._news:
            cells = self.others.get(kind, _NOTHING)
            known = cells[cells["number"].notna()].drop_duplicates(_KEYS)
            self._news[kind] = known.reset_index(drop=True)
        return self._news[kind]

    @cached_property
    def _news(self) -> dict[str, pd.DataFrame]:
        """What `news` found: a dozen rules ask for three kinds."""
        return {}

    def known(self, kind: str) -> pd.DataFrame:
        """Accepted values of a kind; perhaps none."""
        return self.others_before.get(kind, _NOTHING)

    def week_no(self, column: int) -> int:
        """Ordinal of a column."""
        return self.first_week_no + column

    @cached_property
    def newest(self) -> int | None:
        """Column of the newest week that the drop brings a count for, None if it brings none."""
        columns = np.flatnonzero((self.delivered & np.isfinite(self.after)).any(axis=0))
        return int(columns.max()) if len(columns) else None

    @cached_property
    def new_counts(self) -> Float64s:
        """(U, W) counts that the drop brings anew or otherwise than before, NaN elsewhere."""
        new = self.delivered & np.isfinite(self.after) & (self.after != self.before)
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

    def named(self, units: Positions | list[int], most: int = 5) -> str:
        """Codes of the units at these places, the first few."""
        ids = [self.unit_ids[int(u)] for u in units[:most]]
        return ", ".join(ids) + (", ..." if len(units) > most else "")


class History:
    """Accepted counts and other cells, as they grow."""

    def __init__(
        self,
        calendar: Calendar,
        counted: Mapping[str, frozenset[str]] | None = None,
        immature_weeks: int = 0,
    ) -> None:
        """Nothing is known yet but, perhaps, which units files must name: `Seen.expected`."""
        self._expected = dict(counted or {})
        self._calendar, self._immature = calendar, immature_weeks
        self._units: list[str] = []
        self._first, self._counts = 0, np.full((0, 0), np.nan)
        self._others: dict[str, pd.DataFrame] = {}

    def beside(self, drop: Drop, cells: pd.DataFrame, arrived: Arrived | None = None) -> Seen:
        """The drop's cells (raw.CELL_COLUMNS, `number` NaN where refused) beside what is
        accepted."""
        first = not self._units
        weekly = cells[cells["kind"] == "week"]
        self._make_room(weekly)
        after, delivered = self._counts.copy(), np.zeros(self._counts.shape, dtype=bool)
        row, column = self._places(weekly)
        number = weekly["number"].to_numpy(np.float64)
        known = np.isfinite(number)
        after[row[known], column[known]] = number[known]
        delivered[row, column] = True
        others = _by_kind(cells)
        return Seen(
            drop,
            self._calendar,
            tuple(self._units),
            self._first,
            self._counts.copy(),
            after,
            delivered,
            dict(self._others),
            others,
            first,
            plain(cells.loc[cells["withdrawn"].astype(bool), _KEYS]).reset_index(drop=True),
            arrived or Arrived(),
            dict(self._expected),
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
        for kind, frame in _by_kind(cells, known=True).items():
            before = self._others.get(kind)
            both = frame if before is None else pd.concat([before, frame], ignore_index=True)
            once = both.drop_duplicates(_KEYS, keep="last")
            self._others[kind] = once.reset_index(drop=True)

    def resume(
        self,
        units: Sequence[str],
        expected: Mapping[str, frozenset[str]],
        cells: pd.DataFrame,
    ) -> None:
        """Know what earlier drops brought, all at once.

        Args:
            units: in the order in which they came, which is that of the rows.
            cells: as accepted, oldest drop first.
        """
        self._units, self._expected = list(units), dict(expected)
        self.accept(cells)

    @property
    def units(self) -> tuple[str, ...]:
        """(U,) units known so far."""
        return tuple(self._units)

    @property
    def expected(self) -> dict[str, frozenset[str]]:
        """As Seen.expected, for the next drop."""
        return dict(self._expected)

    def expect(self, arrived: Arrived, gone: Iterable[str] = ()) -> None:
        """Wait for the units that a drop named, and no longer for those that a person said are
        gone.
        """
        for name, units in arrived.counted.items():
            self._expected[name] = self._expected.get(name, frozenset()) | units
        left = frozenset(gone)
        self._expected = {name: units - left for name, units in self._expected.items()}

    def _places(self, weekly: pd.DataFrame) -> tuple[Positions, Positions]:
        codes, units = coded(weekly["unit_id"])
        row = pd.Index(self._units, dtype=object).get_indexer(units)[codes]
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


def _by_kind(cells: pd.DataFrame, known: bool = False) -> dict[str, pd.DataFrame]:
    """Kind -> cells of it, without weekly counts; where `known`, those with a number."""
    asked = (cells["kind"] != "week") & (cells["number"].notna() | (not known))
    others = plain(cells.loc[asked, [*_KEYS, "number"]]).astype({"number": "float64"})
    groups = others.groupby("kind", sort=True)
    return {str(kind): frame.reset_index(drop=True) for kind, frame in groups}
