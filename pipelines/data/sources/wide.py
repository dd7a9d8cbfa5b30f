"""A wide table: one row a unit, one column a week, month or year; and the same as tidy cells."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int64s, Texts
from pipelines.contracts import Issue, Level
from pipelines.data.csv_table import RawTable
from pipelines.data.drops import Drop
from pipelines.data.raw import CELL_COLUMNS, YEARLY_COLUMNS, Kind, RawDrop, empty, numbers, unusable

_NOT_KNOWN = ("", "NA")  # what a spreadsheet and what R writes for a missing value
_CELL_KINDS: tuple[Kind, ...] = ("week", "temp", "rain", "population", "demographic")


@dataclass(frozen=True)
class Column:
    """A recognised column.

    Attributes:
        source: its name in the file.
        kind: what it holds: a raw.Kind, or "code", "name", "yearly_cases".
        clean: its name in the clean tables, "" where it becomes a row there.
        when: as in raw.CELL_COLUMNS.
    """

    source: str
    kind: str
    clean: str = ""
    when: int = 0


@dataclass(frozen=True)
class WideTable:
    """A table with its columns recognised; values are still unchecked text.

    Attributes:
        columns: recognised columns that occur exactly once, by position in the header.
        unit_ids: (rows,) codes as their system writes them, None where a code is none.
        issues: of the file and of its header.
    """

    drop: Drop
    table: RawTable
    columns: dict[int, Column]
    unit_ids: Texts
    issues: tuple[Issue, ...]

    @property
    def usable(self) -> bool:
        """Whether rows can be read at all."""
        return not any(issue.level is Level.CRITICAL for issue in self.issues)

    def positions(self, *kinds: str) -> list[int]:
        """Header positions of all columns of these kinds, in time order."""
        found = [(c.when, at) for at, c in self.columns.items() if c.kind in kinds]
        return [at for _, at in sorted(found)]

    def keyed(self, at: Sequence[int], rows: Bools) -> pd.DataFrame:
        """Text of chosen columns and rows by unit (index) and source column name."""
        names = [self.columns[i].source for i in at]
        return pd.DataFrame(self.table.cells[rows][:, at], index=self.unit_ids[rows], columns=names)


def tidy(wide: WideTable) -> RawDrop:
    """The table's records and cells, one cell each."""
    if not wide.usable:
        return unusable(wide.drop, wide.issues)
    ragged = sum(issue.code == "ragged-row" for issue in wide.issues)
    received = {wide.table.file: len(wide.table.rows) + ragged}
    return RawDrop(
        wide.drop, _units(wide), _cells(wide), wide.issues, received, yearly=_yearly(wide)
    )


def _units(wide: WideTable) -> pd.DataFrame:
    code, name = wide.positions("code")[0], wide.positions("name")[0]
    cells = wide.table.cells.copy()
    delivered = list(cells[:, code])
    cells[:, code] = [u or c for u, c in zip(wide.unit_ids, delivered, strict=True)]
    return pd.DataFrame(
        {
            "file": wide.table.file,
            "row": wide.table.rows,
            "column": wide.columns[code].source,
            "value": delivered,
            "unit_id": wide.unit_ids,
            "name": cells[:, name],
            "parent": "",
            "fingerprint": [hashlib.sha256("\x1f".join(row).encode()).hexdigest() for row in cells],
        }
    )


def _cells(wide: WideTable) -> pd.DataFrame:
    at = wide.positions(*_CELL_KINDS)
    known, rows = [wide.columns[i] for i in at], wide.table.rows
    row, column = (index.ravel() for index in np.indices((len(rows), len(at))))
    value = wide.table.cells[:, at].ravel().astype(object)
    for word in _NOT_KNOWN:
        value[value == word] = None
    frame = pd.DataFrame(
        {
            "file": _spread([wide.table.file], np.zeros(len(row), dtype=np.int64)),
            "row": rows[row],
            "column": _spread([c.source for c in known], column),
            "unit_id": _spread(wide.unit_ids, row),
            "kind": _spread([c.kind for c in known], column),
            "clean": _spread([c.clean for c in known], column),
            "when": np.array([c.when for c in known], dtype=np.int64)[column],
            "value": value,
            "number": numbers(value),
            "unit_row": rows[row],
        }
    )
    return frame[list(CELL_COLUMNS)]


def _yearly(wide: WideTable) -> pd.DataFrame:
    """YEARLY_COLUMNS of units with a code; what is no number says nothing."""
    parts = [
        pd.DataFrame(
            {
                "unit_id": wide.unit_ids,
                "year": wide.columns[at].when,
                "total": numbers(wide.table.cells[:, at].astype(object)),
            }
        )
        for at in wide.positions("yearly_cases")
    ]
    every = pd.concat(parts, ignore_index=True) if parts else empty(YEARLY_COLUMNS)
    return every.dropna().drop_duplicates(["unit_id", "year"], keep=False).reset_index(drop=True)


def _spread(names: Sequence[str] | Texts, at: Int64s) -> pd.Categorical:
    """names[at], each text kept once."""
    codes, distinct = pd.factorize(np.asarray(names, dtype=object))
    return pd.Categorical.from_codes(codes[at], pd.Index(distinct))  # type: ignore[arg-type]
