"""CSV that people open in a spreadsheet: text in it never becomes a formula.

Names come from files of others. A spreadsheet runs a cell that begins with one of = + - @ or a tab,
so such text gets an apostrophe in front; text that is a plain number stays as it is, numbers always
do. Text that already had apostrophes before such a sign gets one more: removing one from every cell
that matches ADDED gives back what was there. Parquet beside the CSV has it unchanged.
Source: OWASP, "CSV Injection", with the full-width signs that some spreadsheets take for the same.
"""

from __future__ import annotations

import csv
import re
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pacsv

_LIVE, _NUMBER = r"^'*[=+\-@\t\r\n＝＋－＠]", r"^[+-]?[0-9][0-9.,]*([eE][+-]?[0-9]+)?%?$"
ADDED = r"^''*[=+\-@\t\r\n＝＋－＠]"
_live, _number = re.compile(_LIVE), re.compile(_NUMBER)


def harmless(value: Any) -> Any:
    """A cell's value as a spreadsheet may see it; what is no text comes back as it is."""
    live = isinstance(value, str) and _live.match(value) and not _number.match(value)
    return f"'{value}" if live else value


def frame_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV without its index, lines ended by a line feed."""
    safe, lines = frame.rename(columns=harmless), False
    for at, kind in enumerate(frame.dtypes):
        if not (pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind)):
            safe.isetitem(at, frame.iloc[:, at].astype(object).map(harmless).to_numpy(dtype=object))
            lines |= any(isinstance(cell, str) and "\r" in cell for cell in safe.iloc[:, at])
    # Python's csv leaves a carriage return unquoted, and what follows it would be a line of its
    # own.
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if lines else csv.QUOTE_MINIMAL
    return str(safe.to_csv(index=False, lineterminator="\n", quoting=quoting))


def table_csv(table: pa.Table) -> bytes:
    """An Arrow table as CSV, its texts quoted where needed."""
    columns = [_harmless_column(column) for column in table.columns]
    safe = pa.table(dict(zip(map(harmless, table.column_names), columns, strict=True)))
    out = pa.BufferOutputStream()
    pacsv.write_csv(safe, out, pacsv.WriteOptions(quoting_style="needed"))
    return bytes(out.getvalue().to_pybytes())


def _harmless_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column
    text = column.cast(kind)
    live = pc.and_not(
        pc.match_substring_regex(text, _LIVE), pc.match_substring_regex(text, _NUMBER)
    )
    if not pc.any(live).as_py():
        return column
    return pc.if_else(
        live, pc.binary_join_element_wise(pa.scalar("'", kind), text, pa.scalar("", kind)), text
    )
