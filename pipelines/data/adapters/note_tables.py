"""Tables of notes: how one is opened, and what of it a drop may keep."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from pipelines.data.adapters import InputFile
from pipelines.data.adapters.content import kind_of, text_of
from pipelines.data.adapters.names import choose
from pipelines.data.adapters.options import options_of
from pipelines.data.adapters.records import SEPARATORS, Table, open_table
from pipelines.data.adapters.rules import rule_columns
from pipelines.data.note_text import clean_note


def stored_copy(file: InputFile) -> bytes:
    """The file as a drop may keep it: declared columns alone, texts cleaned, rows at their number.

    Raises:
        Unreadable: the file is of no use.
    """
    table = open_notes(file)
    names, most = choose(table, ()), options_of(file).max_characters
    columns = [
        *dict.fromkeys([*(c for several in names.values() for c in several), *rule_columns(table)])
    ]
    free = {*names["text"], *names.get("kind", ())}
    lines: list[list[str]] = [[]] * (table.header_row - 1) + [columns]
    at = [table.header.index(name) for name in columns]
    for number, cells in table.rows():
        if any(cells) and len(cells) == len(table.header):
            lines += [[]] * (number - 1 - len(lines))
            kept = zip(columns, (cells[i] for i in at), strict=True)
            lines.append([clean_note(c, most).text if n in free else c for n, c in kept])
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=file.config.separator or ",").writerows(lines)
    return out.getvalue().encode()


def open_notes(file: InputFile) -> Table:
    """The table, its separator found in the header alone: text has commas and semicolons."""
    if file.config.separator is None and kind_of(file.path, file.named) == "text":
        lines = [line for line in text_of(file)[0].splitlines()[:200] if line.strip()]
        header = lines[min(file.config.header_row or 1, len(lines)) - 1]
        found = max(SEPARATORS, key=header.count)
        file = replace(file, config=file.config.model_copy(update={"separator": found}))
    return open_table(file)
