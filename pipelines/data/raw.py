"""Raw tables: a CSV exactly as received, every cell as text with its file, row and column.

Belongs here: reading CSV and naming what is wrong with the file as a file. Does not belong here:
what columns mean (sources/) and whether values are good (expectations.py).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.columns import Column, Kind
from pipelines.data.drops import IMAGES, TABLE, Drop

Text = npt.NDArray[np.object_]
NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?$"
_MAX_BYTES = 500_000_000
_SAVE_AS = "save it as 'CSV UTF-8 (comma delimited)'; remove the rejected drop and make it again"
_BOM = b"\xef\xbb\xbf"
_OTHER_KINDS = {
    b"PK\x03\x04": "an Excel workbook (.xlsx) or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"\x1f\x8b": "compressed with gzip",
    b"%PDF": "a PDF",
    b"\xff\xfe": "UTF-16 (Excel's 'Unicode text')",
    b"\xfe\xff": "UTF-16 (Excel's 'Unicode text')",
}


@dataclass(frozen=True)
class RawTable:
    """A CSV as received.

    Attributes:
        file: as named to a person, "2018-12-04/metadata.csv".
        header: column names, stripped.
        cells: (rows, columns) text, stripped; rows with another number of cells are left out.
        rows: (rows,) 1-based record number in the file; the header is row 1.
        issues: what is wrong with the file; with a critical one, cells may be empty.
    """

    file: str
    header: tuple[str, ...]
    cells: Text
    rows: npt.NDArray[np.int64]
    issues: tuple[Issue, ...]


@dataclass(frozen=True)
class RawDrop:
    """A drop's table with its columns recognised; values are still unchecked text.

    Attributes:
        columns: known columns that occur exactly once, by position in the header.
        unit_ids: (rows,) five-digit codes, None where the code has not the DANE shape.
        n_received: data rows in the file, those left out as ragged included.
        issues: of the file and of its header.
    """

    drop: Drop
    table: RawTable
    columns: dict[int, Column]
    unit_ids: Text
    n_received: int
    issues: tuple[Issue, ...]

    @property
    def usable(self) -> bool:
        """Whether rows can be read at all."""
        return not any(issue.level is Level.CRITICAL for issue in self.issues)

    def positions(self, *kinds: Kind) -> list[int]:
        """Header positions of all columns of these kinds, in time order."""
        found = [(c.when, at) for at, c in self.columns.items() if c.kind in kinds]
        return [at for _, at in sorted(found)]

    def keyed(self, at: Sequence[int], rows: npt.NDArray[np.bool_]) -> pd.DataFrame:
        """Text of chosen columns and rows by unit (index) and source column name."""
        names = [self.columns[i].source for i in at]
        return pd.DataFrame(self.table.cells[rows][:, at], index=self.unit_ids[rows], columns=names)


def issue(level: Level, code: str, message: str, place: str, fix: str, period: str = "", rows: int = 1) -> Issue:  # fmt: skip
    """An Issue from its words, fix before the optional parts."""
    return Issue(level, code, message, place, period, fix, rows)


def read_table(drop: Drop) -> RawTable:
    """Read a drop's metadata.csv as text. Never raises for what is in the file: it is an issue."""
    file = drop.place(drop.table)
    text, issues = _read_text(drop, file)
    if text is None:
        return _unread(file, issues)
    if problem := _separator_problem(text, file):
        return _unread(file, [*issues, problem])
    try:
        # not str.splitlines, which also ends a line at form feeds and at U+2028 inside a name
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as err:
        broken = issue(Level.CRITICAL, "unreadable-table", f"the file is not valid CSV: {err}", file, _SAVE_AS)  # fmt: skip
        return _unread(file, [*issues, broken])
    return _from_records(file, records, issues)


def _unread(file: str, issues: list[Issue]) -> RawTable:
    nothing = np.empty((0, 0), dtype=object)
    return RawTable(file, (), nothing, np.empty(0, dtype=np.int64), tuple(issues))


def _read_text(drop: Drop, file: str) -> tuple[str | None, list[Issue]]:
    if not drop.table.is_file():
        images = (drop.path / IMAGES).is_dir()
        what = f"the drop has no {TABLE}" if images else "the drop is empty"
        return None, [issue(Level.CRITICAL, "missing-table" if images else "empty-drop", what, drop.name, f"put {TABLE} into the drop: remove the folder and make it again with `denguard drop --table ...`")]  # fmt: skip
    if drop.table.stat().st_size > _MAX_BYTES:
        return None, [issue(Level.CRITICAL, "unreadable-table", f"the file is larger than {_MAX_BYTES:,} bytes", file, "deliver only the columns of the layout")]  # fmt: skip
    raw = drop.table.read_bytes()
    if not raw.strip():
        return None, [issue(Level.CRITICAL, "empty-drop", f"{TABLE} is empty", file, "export the table again; remove the rejected drop and make it again")]  # fmt: skip
    found = []
    if raw.startswith(_BOM):
        found.append(issue(Level.INFO, "byte-order-mark", "the file starts with a byte order mark (Excel), which was skipped", file, "nothing to do"))  # fmt: skip
    if kind := _other_kind(raw):
        return None, [issue(Level.CRITICAL, "unreadable-table", f"the file is not CSV in UTF-8: {kind}", file, _SAVE_AS)]  # fmt: skip
    try:
        return raw.decode("utf-8-sig"), found
    except UnicodeDecodeError as err:
        row = raw[: err.start].count(b"\n") + 1
        return None, [issue(Level.CRITICAL, "unreadable-table", f"the file is not UTF-8 (row {row})", f"{file} row {row}", _SAVE_AS)]  # fmt: skip


def _other_kind(raw: bytes) -> str:
    """What the file is instead of text in UTF-8, "" if it may be that."""
    named = next((kind for magic, kind in _OTHER_KINDS.items() if raw.startswith(magic)), "")
    if named or b"\0" not in raw:
        return named
    many = raw.count(b"\0") > len(raw) // 4
    return "UTF-16 without its mark" if many else "it holds NUL bytes, as after a power cut or in a damaged copy"  # fmt: skip


def _separator_problem(text: str, file: str) -> Issue | None:
    first = text.split("\n", 1)[0]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if first.count(separator) > first.count(","):
            return issue(Level.CRITICAL, "wrong-separator", f"columns are separated by {name}, as Excel does in some languages; its decimal commas would be misread", f"{file} row 1", _SAVE_AS)  # fmt: skip
    return None


def _from_records(file: str, records: Sequence[list[str]], issues: list[Issue]) -> RawTable:
    if not any(cell.strip() for cell in (records[0] if records else ())):
        return _unread(file, [*issues, issue(Level.CRITICAL, "missing-column", "the first row is blank; it must name the columns", f"{file} row 1", f"remove what is above the row of column names; {_SAVE_AS}")])  # fmt: skip
    header = tuple(name.strip() for name in records[0])
    numbered = [(i, row) for i, row in enumerate(records[1:], start=2) if any(row)]
    ragged = [(i, len(row)) for i, row in numbered if len(row) != len(header)]
    whole = [(i, row) for i, row in numbered if len(row) == len(header)]
    issues = issues + [
        issue(Level.ERROR, "ragged-row", f"row {i} has {n} cells, the header has {len(header)}", f"{file} row {i}", "quote text that holds commas, and deliver every cell of the row")
        for i, n in ragged
    ]  # fmt: skip
    if not numbered:
        issues.append(issue(Level.CRITICAL, "empty-drop", f"{TABLE} has a header and no rows", file, "export the table again; remove the rejected drop and make it again"))  # fmt: skip
    cells = np.empty((len(whole), len(header)), dtype=object)
    for at, (_, row) in enumerate(whole):
        cells[at] = [cell.strip() for cell in row]
    return RawTable(file, header, cells, np.array([i for i, _ in whole], dtype=np.int64), tuple(issues))  # fmt: skip


def long_cells(raw: RawDrop, columns: Sequence[int], wanted: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Chosen cells as one row each, columns as in CELL_COLUMNS.

    Args:
        columns: header positions.
        wanted: (rows, len(columns)) which cells.

    `value` is None where the cell is empty; `number` is NaN where it is empty or no number.
    """
    at_row, at_column = np.nonzero(wanted)
    known = [raw.columns[i] for i in columns]
    text = raw.table.cells[:, list(columns)][at_row, at_column]
    text[text == ""] = None
    number = _numbers(text)
    frame = pd.DataFrame(
        {
            "file": raw.table.file,
            "row": raw.table.rows[at_row],
            "column": _labels([c.source for c in known], at_column),
            "unit_id": raw.unit_ids[at_row],
            "kind": _labels([c.kind for c in known], at_column),
            "clean": _labels([c.clean for c in known], at_column),
            "when": np.array([c.when for c in known], dtype=np.int64)[at_column],
            "value": text,
            "number": number,
        }
    )
    frame["received_date"] = raw.drop.info.received_date
    return frame


def _numbers(text: Text) -> npt.NDArray[np.float64]:
    series = pd.Series(text, dtype=object)
    number = pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, copy=True)
    # pandas reads "inf" as a number and "1e999" as none: to us it is the other way round
    odd = np.flatnonzero(~np.isfinite(number) & series.notna().to_numpy())
    number[odd] = [float(text[at]) if re.match(NUMBER, text[at]) else np.nan for at in odd]
    return number


CELL_COLUMNS = ("file", "row", "column", "unit_id", "kind", "clean", "when", "value", "number", "received_date")  # fmt: skip


def changed_cells(
    raws: Sequence[RawDrop], good_rows: Sequence[npt.NDArray[np.bool_]], *kinds: Kind
) -> pd.DataFrame:
    """Cells of these kinds that are new or differ from the drop before, oldest drop first.

    A drop repeats almost all of the one before it; what it repeats was checked there already.
    Beside CELL_COLUMNS there is `withdrawn`: empty now, and not empty before.
    """
    known, frames = pd.DataFrame(), [pd.DataFrame(columns=[*CELL_COLUMNS, "withdrawn"])]
    for raw, rows in zip(raws, good_rows, strict=True):
        at = raw.positions(*kinds)
        if not at or not rows.any():
            continue
        now = raw.keyed(at, rows)
        before = known.reindex(index=now.index, columns=now.columns).to_numpy(dtype=object)
        wanted = np.zeros((len(rows), len(at)), dtype=bool)
        wanted[rows] = now.to_numpy() != before
        cells = long_cells(raw, at, wanted)
        old = before[wanted[rows]]
        cells["withdrawn"] = cells["value"].isna().to_numpy() & pd.notna(old) & (old != "")
        frames.append(cells)
        known = now if known.empty else now.combine_first(known)
    return pd.concat(frames[1:] or frames, ignore_index=True)


def _labels(names: Sequence[str], at: npt.NDArray[np.int64]) -> Text:
    labels: Text = np.array(names, dtype=object)[at]
    return labels
