"""The adapter `tabnet`: DATASUS TabNet's CSV, one row a municipality, one column a week of one
year.

Title lines stand above, notes below, `-` is zero, the code stands before the name in the first
column. The year stands in the line "Periodo: 2018" above, or in the input's `options: {year:
2018}`. TabNet has a column "Semana 53" in years without one: what is counted there is named and
left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Texts
from pipelines.contracts import Level
from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.names import letters
from pipelines.data.adapters.options import options_of
from pipelines.data.adapters.records import HeaderLine, Table, absent, equals, open_table
from pipelines.data.adapters.rules import refuse_rules
from pipelines.data.adapters.wide_weeks import add_columns, numbered_columns

_WEEK = re.compile(r"(?:[Ss]em(?:ana)?\.? ?)?([0-9]{1,2})")
_CODE = re.compile(r"([0-9]{6,7})[ -]+(.+)")
_YEAR = re.compile(r"per[^0-9]{0,30}(?<![0-9])((?:19|20)[0-9]{2})(?![0-9])")


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of a TabNet table."""
    table = open_table(
        file, HeaderLine(lambda cells: sum(bool(_WEEK.fullmatch(c.strip())) for c in cells[1:]) > 1)
    )
    year, first = _year_of(table), table.header[0]
    weeks = {n: (year, int(m[1])) for n in table.header[1:] if (m := _WEEK.fullmatch(n))}
    refuse_rules(file)
    draft = Draft(table.records([first, *weeks]))
    _split_codes(draft, first)
    for column in weeks:
        text = draft.records.columns[column]
        draft.records.columns[column] = np.where(equals(text, "-"), "0", text)
    draft.units(("code",), draft.records.columns["name"])
    add_columns(draft, "week", numbered_columns(draft, weeks, false_53=True), file.config.decimal)
    return draft.reading()


def _year_of(table: Table) -> int:
    if declared := options_of(table.file).year:
        return declared
    for _, cells in table.above:
        if found := _YEAR.search(letters(" ".join(cells)).replace("_", " ")):
            return int(found[1])
    raise stop(
        "missing-year",
        "no line above the table says its year, as in 'Periodo: 2018'",
        table.file.named,
        "declare `options: {year: 2018}` of the input",
    )


def _split_codes(draft: Draft, first: str) -> None:
    """Code and name of each row; totals and rows of no municipality are left out, and said."""
    text = draft.records.columns[first]
    parts = [_CODE.fullmatch(t) if t is not None else None for t in text]
    draft.records.columns["code"] = _part(parts, 1)
    draft.records.columns["name"] = _part(parts, 2)
    none = np.array(
        [t is None or bool(re.match(r"(?i)total", t)) or "ignorad" in t.lower() for t in text]
    )
    if none.any():
        draft.note(
            Level.INFO,
            "no-municipality",
            f"{int(none.sum())} rows are totals or of an unknown municipality and were left out",
            "nothing to do",
            int(draft.records.rows[np.flatnonzero(none)[0]]),
            int(none.sum()),
        )
    draft.fine &= ~none
    draft.refuse(
        absent(draft.records.columns["code"]),
        first,
        text,
        "not-a-code",
        "the row does not begin with a municipality's code",
        "ask TabNet for rows by municipality",
    )


def _part(parts: Sequence[re.Match[str] | None], group: int) -> Texts:
    return np.array([m[group] if m else None for m in parts], dtype=object)
