"""The adapter `wide`: one row a unit, one column a week (2018/w48, 2018-SE48, 201848), any
country's.

Beside weeks it knows Population2018, TEMPERATURE_nov_18 and PRECIPITATION_nov_18 and the
demographics of PhysioNet's sheet. Codes and calendar are the profile's. Columns: unit, name. `keep`
and `leave_out` say which rows count: a row of totals is no unit.
"""

from __future__ import annotations

import re
from collections import Counter

from pipelines.contracts import Level
from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.names import choose, letters, require
from pipelines.data.adapters.records import Table, open_table
from pipelines.data.adapters.rules import counted, rule_columns
from pipelines.data.adapters.wide_weeks import add_columns, numbered_columns
from pipelines.data.sources.satellitebench_columns import read_column
from pipelines.data.sources.wide import Column

_WEEK = re.compile(r"((?:19|20)[0-9]{2})[^0-9]{0,4}([0-9]{2})")


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of a wide table."""
    table = open_table(file)
    names = choose(table, ("name",))
    if "name" not in names and (
        found := [n for n in table.header if letters(n) in ("municipality", "name")]
    ):
        names["name"] = (found[0],)
    require(table, names, "unit")
    weeks, others = _columns(table)
    named = [c for several in names.values() for c in several]
    rules = rule_columns(table)
    draft = Draft(table.records([*named, *rules, *weeks, *others]))
    _name_unread(draft, table, {*named, *rules, *weeks, *others})
    draft.fine &= counted(draft)
    draft.units(names["unit"], draft.records.columns[names["name"][0]] if "name" in names else None)
    decimal = file.config.decimal
    add_columns(draft, "week", numbered_columns(draft, weeks), decimal)
    _add_others(draft, others, decimal)
    return draft.reading()


def _columns(table: Table) -> tuple[dict[str, tuple[int, int]], dict[str, Column]]:
    often = Counter(table.header)
    if again := [n for n, times in often.items() if n and times > 1]:
        raise stop(
            "duplicate-column",
            f"column {again[0]!r} is there {often[again[0]]} times",
            f"{table.file.named} row {table.header_row}",
            "keep the right one and remove the others",
        )
    found = {n: _WEEK.fullmatch(n) for n in table.header}
    weeks = {n: (int(f[1]), int(f[2])) for n, f in found.items() if f}
    if not weeks:
        raise stop(
            "missing-column",
            "no column names a week, such as 2018/w48",
            f"{table.file.named} row {table.header_row}",
            "deliver weekly columns; for one row a unit and week use `adapter: long`",
        )
    known = {n: read_column(n) for n in table.header if n not in weeks}
    kinds = ("population", "temp", "rain", "demographic")
    return weeks, {n: c for n, c in known.items() if c is not None and c.kind in kinds}


def _name_unread(draft: Draft, table: Table, read: set[str]) -> None:
    if unread := [repr(name[:40]) for name in table.header if name and name not in read]:
        shown = ", ".join(unread[:5]) + (", ..." if len(unread) > 5 else "")
        draft.note(
            Level.INFO,
            "unknown-column",
            f"{len(unread)} columns name no week and nothing known, and are not read: {shown}",
            "nothing to do for totals and notes",
            table.header_row,
            len(unread),
        )


def _add_others(draft: Draft, others: dict[str, Column], decimal: str) -> None:
    for kind in ("population", "temp", "rain", "demographic"):
        when = {n: c.when for n, c in others.items() if c.kind == kind}
        add_columns(draft, kind, when, decimal, {n: others[n].clean for n in when})
