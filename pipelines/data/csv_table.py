"""CSV tables exactly as received: every cell as text, and what is wrong with the file as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.arrays import Int64s, Texts
from pipelines.contracts import Issue, Level
from pipelines.data.drop_info import INFO
from pipelines.data.drops import IMAGES, TABLE, Drop
from pipelines.data.raw import issue

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
    cells: Texts
    rows: Int64s
    issues: tuple[Issue, ...]


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
        broken = issue(
            Level.CRITICAL, "unreadable-table", f"the file is not valid CSV: {err}", file, _SAVE_AS
        )
        return _unread(file, [*issues, broken])
    return _from_records(file, records, issues)


def _unread(file: str, issues: list[Issue]) -> RawTable:
    nothing = np.empty((0, 0), dtype=object)
    return RawTable(file, (), nothing, np.empty(0, dtype=np.int64), tuple(issues))


def _read_text(drop: Drop, file: str) -> tuple[str | None, list[Issue]]:
    if not drop.table.is_file():
        return None, [_no_table(drop)]
    if drop.table.stat().st_size > _MAX_BYTES:
        what, fix = f"larger than {_MAX_BYTES:,} bytes", "deliver only the columns of the layout"
        return None, [_unreadable(what, file, fix)]
    raw = drop.table.read_bytes()
    if not raw.strip():
        fix = "export the table again; remove the rejected drop and make it again"
        return None, [issue(Level.CRITICAL, "empty-drop", f"{TABLE} is empty", file, fix)]
    if kind := other_kind(raw):
        return None, [_unreadable(f"not CSV in UTF-8: {kind}", file, _SAVE_AS)]
    try:
        return raw.decode("utf-8-sig"), [_mark_skipped(file)] if raw.startswith(_BOM) else []
    except UnicodeDecodeError as err:
        row = raw[: err.start].count(b"\n") + 1
        return None, [_unreadable(f"not UTF-8 (row {row})", f"{file} row {row}", _SAVE_AS)]


def _unreadable(what: str, place: str, fix: str) -> Issue:
    return issue(Level.CRITICAL, "unreadable-table", f"the file is {what}", place, fix)


def _mark_skipped(file: str) -> Issue:
    message = "the file starts with a byte order mark (Excel), which was skipped"
    return issue(Level.INFO, "byte-order-mark", message, file, "nothing to do")


def _no_table(drop: Drop) -> Issue:
    others = sorted(p.name for p in drop.path.iterdir() if p.is_file() and p.name != INFO)
    if others:  # the command was given without its profile: nothing is wrong with the drop
        return issue(
            Level.CRITICAL,
            "missing-table",
            f"the drop has no {TABLE}, but {', '.join(others[:3])}: another profile reads it",
            drop.name,
            "name that profile, as in `denguard run --profile NAME`",
        )
    images = (drop.path / IMAGES).is_dir()
    what = f"the drop has no {TABLE}" if images else "the drop is empty"
    return issue(
        Level.CRITICAL,
        "missing-table" if images else "empty-drop",
        what,
        drop.name,
        f"put {TABLE} into the drop: remove the folder and make it again with `denguard drop "
        "--table ...`",
    )


def other_kind(raw: bytes) -> str:
    """What the file is instead of text in UTF-8, "" if it may be that."""
    named = next((kind for magic, kind in _OTHER_KINDS.items() if raw.startswith(magic)), "")
    if named or b"\0" not in raw:
        return named
    many = raw.count(b"\0") > len(raw) // 4
    return (
        "UTF-16 without its mark"
        if many
        else "it holds NUL bytes, as after a power cut or in a damaged copy"
    )


def _separator_problem(text: str, file: str) -> Issue | None:
    first = text.split("\n", 1)[0]
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if first.count(separator) > first.count(","):
            return issue(
                Level.CRITICAL,
                "wrong-separator",
                f"columns are separated by {name}, as Excel does in some languages; its decimal "
                "commas would be misread",
                f"{file} row 1",
                _SAVE_AS,
            )
    return None


def _from_records(file: str, records: Sequence[list[str]], issues: list[Issue]) -> RawTable:
    if not any(cell.strip() for cell in (records[0] if records else ())):
        return _unread(
            file,
            [
                *issues,
                issue(
                    Level.CRITICAL,
                    "missing-column",
                    "the first row is blank; it must name the columns",
                    f"{file} row 1",
                    f"remove what is above the row of column names; {_SAVE_AS}",
                ),
            ],
        )
    header = tuple(name.strip() for name in records[0])
    numbered = [(i, row) for i, row in enumerate(records[1:], start=2) if any(row)]
    ragged = [(i, len(row)) for i, row in numbered if len(row) != len(header)]
    whole = [(i, row) for i, row in numbered if len(row) == len(header)]
    issues = issues + [
        issue(
            Level.ERROR,
            "ragged-row",
            f"row {i} has {n} cells, the header has {len(header)}",
            f"{file} row {i}",
            "quote text that holds commas, and deliver every cell of the row",
        )
        for i, n in ragged
    ]
    if not numbered:
        issues.append(
            issue(
                Level.CRITICAL,
                "empty-drop",
                f"{TABLE} has a header and no rows",
                file,
                "export the table again; remove the rejected drop and make it again",
            )
        )
    cells = np.empty((len(whole), len(header)), dtype=object)
    for at, (_, row) in enumerate(whole):
        cells[at] = [cell.strip() for cell in row]
    return RawTable(
        file, header, cells, np.array([i for i, _ in whole], dtype=np.int64), tuple(issues)
    )
