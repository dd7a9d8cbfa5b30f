"""Records of a CSV, XLSX or Parquet table: text by column, each with its row in the file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int64s, Positions, Texts
from pipelines.contracts import Issue, Level
from pipelines.data.adapters import InputFile
from pipelines.data.adapters.content import kind_of, stop, text_of
from pipelines.data.raw import REFUSED_COLUMNS, issue

Row = tuple[int, Sequence[str]]  # 1-based record in the file, cells
SEPARATORS = (",", ";", "\t", "|")
_SHOWN = 60


@dataclass(frozen=True)
class Records:
    """Chosen columns of a table.

    Attributes:
        columns: name -> (N,) text, None where missing.
        rows: (N,) 1-based record in the file; the header is row 1 unless lines stand above it.
        refused: records with another number of cells than the header, raw.REFUSED_COLUMNS.
        n_received: records of the file.
    """

    file: InputFile
    columns: dict[str, Texts]
    rows: Int64s
    refused: pd.DataFrame
    n_received: int
    issues: tuple[Issue, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Table:
    """An opened table: its header is known, its records are read when columns are chosen."""

    file: InputFile
    header: tuple[str, ...]
    header_row: int
    rows: Callable[[], Iterator[Row]]  # those below the header
    issues: tuple[Issue, ...] = ()
    separator: str = ""  # "" where the kind of file has none
    above: tuple[Row, ...] = ()

    def records(self, names: Sequence[str]) -> Records:
        """Records of the columns named, which the header has exactly once."""
        chosen = list(dict.fromkeys(names))
        pick = _picker([self.header.index(name) for name in chosen])
        width, kept, at, odd = len(self.header), [], [], []
        for number, cells in self.rows():
            if not any(cells):
                continue
            if len(cells) == width:
                kept.append(pick(cells))
                at.append(number)
            else:
                odd.append((number, cells))
        if not kept and not odd:
            raise stop(
                "empty-file",
                "the table has a header and no rows",
                self.file.named,
                "export the table again",
            )
        missing = frozenset(self.file.config.missing) | {""}
        texts = {
            n: clean_texts(c, missing)
            for n, c in zip(chosen, zip(*kept, strict=True), strict=False)
        }
        columns = {n: texts.get(n, np.empty(0, dtype=object)) for n in chosen}
        ragged, notes = _split(odd, at[-1] if at else 0)
        issues = (*self.issues, *_notes_issue(notes, self.file.named))
        return Records(
            self.file,
            columns,
            np.array(at, dtype=np.int64),
            _ragged(ragged, width, self.file.named),
            len(at) + len(ragged),
            issues,
        )


def _picker(at: list[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    if len(at) == 1:
        only = at[0]
        return lambda cells: (cells[only],)
    return itemgetter(*at) if at else lambda _: ()


def clean_texts(texts: Sequence[str | None], missing: frozenset[str]) -> Texts:
    """(N,) texts without blanks around them, None where missing; each distinct one is looked at
    once.
    """
    codes, distinct = distinct_of(np.asarray(texts, dtype=object))
    stripped = [None if t is None or t.strip() in missing else t.strip() for t in distinct]
    out: Texts = np.array([*stripped, None], dtype=object)[codes]
    return out


def distinct_of(text: Texts) -> tuple[Positions, list[str | None]]:
    """(N,) place of each text among the distinct ones, which are None where missing."""
    codes, distinct = pd.factorize(text, use_na_sentinel=False)
    return codes, [None if pd.isna(t) else t for t in distinct]  # pandas makes NaN of None


def absent(text: Texts) -> Bools:
    """(N,) where a text is missing."""
    return np.asarray(pd.isna(text), dtype=bool)


def equals(text: Texts, value: object) -> Bools:
    """(N,) where a text is the one given."""
    return np.asarray(text == value, dtype=bool)


def _split(odd: list[Row], last_whole: int) -> tuple[list[Row], list[Row]]:
    """Records of another width: those within the table, and the notes below it."""
    return [r for r in odd if r[0] < last_whole], [r for r in odd if r[0] >= last_whole]


def _notes_issue(notes: list[Row], named: str) -> list[Issue]:
    if not notes:
        return []
    first, filled = notes[0][0], [cell for cell in notes[0][1] if cell.strip()]
    # a note is one cell; several may be a person's record that was cut short, and stay here
    shown = f": {filled[0][:_SHOWN]!r}" if len(filled) == 1 else ""
    return [
        issue(
            Level.WARNING,
            "notes-below-table",
            f"{len(notes)} lines below the table were left out as notes{shown}",
            f"{named} row {first}",
            "nothing to do if they are notes; else deliver every cell of the row",
            rows=len(notes),
        )
    ]


def _ragged(odd: list[Row], width: int, named: str) -> pd.DataFrame:
    """Records of another width, without their text: nobody can tell which cell is a person's."""
    rows = [
        (
            named,
            number,
            "",
            "",
            "ragged-row",
            f"the row has {len(cells)} cells, the header has {width}",
            "quote text that holds the separator, and deliver every cell of the row",
            "",
        )
        for number, cells in odd
    ]
    return pd.DataFrame(rows, columns=list(REFUSED_COLUMNS))


@dataclass(frozen=True)
class HeaderLine:
    """Where a table's header stands: the first line for which `is_header` holds, else a
    fixed line."""

    is_header: Callable[[Sequence[str]], bool] = field(default=lambda cells: any(cells))


FIRST_LINE = HeaderLine()


def open_table(file: InputFile, header: HeaderLine = FIRST_LINE) -> Table:
    """Open a CSV, XLSX or Parquet. Raises Unreadable for another kind, or without a header."""
    kind = kind_of(file.path, file.named)
    if kind == "json":
        raise stop(
            "unreadable-table",
            "the file is JSON, not a table",
            file.named,
            "if it is an answer of DHIS2 analytics, read it with `adapter: dhis2`",
        )
    if kind == "parquet":
        from pipelines.data.adapters.parquet import parquet_rows

        held = list(parquet_rows(file))
        return _headed(file, lambda: iter(held), header, [])
    if kind == "workbook":
        from pipelines.data.adapters.workbook import workbook_rows

        note = issue(
            Level.INFO,
            "is-a-workbook",
            "the file is an Excel workbook, whatever its name says",
            file.named,
            "nothing to do",
        )
        grid = list(workbook_rows(file))
        return _headed(
            file, lambda: iter(grid), header, [] if file.path.suffix.lower() == ".xlsx" else [note]
        )
    text, issues = text_of(file)
    separator = file.config.separator or _separator(text)
    return _headed(file, lambda: _csv_rows(file, text, separator), header, issues, separator)


def _separator(text: str) -> str:
    """The separator that most of the first lines have most of; a comma where there is none."""
    lines = text[:20_000].splitlines()[:30]
    votes = Counter(
        max(SEPARATORS, key=line.count) for line in lines if any(s in line for s in SEPARATORS)
    )
    return votes.most_common(1)[0][0] if votes else ","


def _csv_rows(file: InputFile, text: str, separator: str) -> Iterator[Row]:
    # not str.splitlines, which also ends a line at form feeds and at U+2028 inside a name
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from enumerate(reader, start=1)
    except csv.Error as err:
        raise stop(
            "unreadable-table",
            f"the file is not valid CSV: {err}",
            f"{file.named} line {reader.line_num}",
            "export the table again, with text in double quotes",
        ) from err


def _headed(
    file: InputFile,
    rows: Callable[[], Iterator[Row]],
    header: HeaderLine,
    issues: list[Issue],
    separator: str = "",
) -> Table:
    above: list[Row] = []
    for number, cells in rows():
        at_line = file.config.header_row
        if number == at_line if at_line else header.is_header(cells):
            names = tuple(str(cell).strip() for cell in cells)
            below = _below(rows, number)
            return Table(file, names, number, below, tuple(issues), separator, tuple(above))
        above.append((number, cells))
    raise stop(
        "missing-column",
        "no row names the columns",
        file.named,
        "say which row does with the input's `header_row`",
    )


def _below(rows: Callable[[], Iterator[Row]], header_row: int) -> Callable[[], Iterator[Row]]:
    return lambda: (row for row in rows() if row[0] > header_row)
