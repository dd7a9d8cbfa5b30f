"""Attacks on the table's header and rows: Excel's damage, weeks, municipalities."""

from __future__ import annotations

import random

from support.attacks.siege import Attack
from support.attacks.spoil import Grid, cell, column_added, grid, raw, rename

from pipelines.contracts import Level

BAD, ERROR, WARN = Level.CRITICAL, Level.ERROR, Level.WARNING
CODE = "Municipality code"


def shuffled(rows: Grid) -> None:
    """Columns and rows in another order."""
    order = list(range(len(rows[0])))
    random.Random(3).shuffle(order)  # noqa: S311
    rows[1:] = rows[:0:-1]
    for row in rows:
        row[:] = [row[i] for i in order]


def without(*names: str) -> object:
    def spoil(rows: Grid) -> None:
        keep = [i for i, name in enumerate(rows[0]) if name not in names]
        for row in rows:
            row[:] = [row[i] for i in keep]

    return grid(spoil)


def reported(rows: Grid) -> None:
    """The weeks as a date each, as Excel shows what it took for one."""
    months = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    weeks = [i for i, name in enumerate(rows[0]) if "/w" in name]
    for n, i in enumerate(weeks):
        rows[0][i] = f"{months[n % 12].capitalize()}-{n // 12 + 10:02d}"


TABLES = [
    Attack("week columns that Excel made dates", grid(reported), BAD, "missing-column", ("weekly cases", "'2018/w48'")),
    Attack("a title row above the header", raw(lambda b: b"Cases of dengue" + b"," * 60 + b"\n" + b), BAD, "missing-column", (f"'{CODE}'",)),
    Attack("a merged header: one name, the rest blank", grid(lambda r: r[0].__setitem__(slice(1, None), [""] * (len(r[0]) - 1))), BAD, "missing-column", ("deliver the table with column",)),
    Attack("columns and rows shuffled", grid(shuffled), None, ""),
    Attack("blank columns at the right", raw(lambda b: b.replace(b"\n", b",,,\n")), WARN, "nameless-column", ("3 columns", "remove the empty columns")),
    Attack("the same week twice", rename("2018/w47", "2018/w48"), BAD, "duplicate-column", ("'2018/w48' is there 2 times",)),
    Attack("the same week twice, once in full-width digits", column_added("２０１８/w48", "500"), WARN, "unknown-column", ("'２０１８/w48'", "correct their names")),
    Attack("a week 54", column_added("2018/w54"), ERROR, "no-such-week", ("2018/w54", "week 53")),
    Attack("a week 0", column_added("2018/w00"), ERROR, "no-such-week", ("2018/w00",)),
    Attack("a week 53 of a year that has none", column_added("2018/w53"), ERROR, "no-such-week", ("2018/w53",)),
    Attack("a week of the year 1900", column_added("1900/w01"), ERROR, "no-such-week", ("1900/w01", "before 1990")),
    Attack("a week of the year 1, which would fill memory with weeks", column_added("0001/w01"), ERROR, "no-such-week", ("0001/w01",)),
    Attack("a week of the year 2100", column_added("2100/w01"), ERROR, "week-not-ended", ("1 weeks end after", "received_date")),
    Attack("a week of the year 9999, where dates end", column_added("9999/w52"), ERROR, "no-such-week", ("9999/w52",)),
    Attack("weeks missing in the middle", without("2018/w20", "2018/w21"), None, ""),
    Attack("a column with the answers", column_added("outbreak_2018/w52"), WARN, "unknown-column", ("'outbreak_2018/w52'", "remove them")),
    Attack("a formula for a column name", column_added("=cmd|' /C calc'!A0"), WARN, "unknown-column", ("remove them",)),
    Attack("a required column gone", without("Men(%)"), BAD, "missing-column", ("'Men(%)'",)),
    Attack("a required column renamed", rename(CODE, "municipality_code"), BAD, "renamed-column", ("rename column 'municipality_code'",)),
    Attack("a row too short", grid(lambda r: r[3].pop()), ERROR, "ragged-row", ("row 4", "deliver every cell")),
    Attack("a decimal comma that splits a cell in two", raw(lambda b: b.replace(b",2500.0,", b",2500,0,").replace(b",21.5,", b",21,5,", 1)), ERROR, "ragged-row", ("row 5", "quote text")),
    Attack("codes that lost their leading zero", grid(lambda r: [row.__setitem__(0, row[0].zfill(5)) for row in r[1:]]), None, ""),
    Attack("a code in scientific notation", cell(CODE, "5.00E+03"), ERROR, "unknown-municipality", ("'5.00E+03'", "five digits")),
    Attack("a code in Arabic-Indic digits", cell(CODE, "08٠٠1"), ERROR, "unknown-municipality", ("five digits",)),
    Attack("a row of the department's total", grid(lambda r: r.append(["5000", "Antioquia", *r[1][2:]])), ERROR, "unknown-municipality", ("'5000'",)),
    Attack("a row of totals", grid(lambda r: r.append(["Total", "", *r[1][2:]])), ERROR, "unknown-municipality", ("'Total'",)),
    Attack("a municipality nobody knows", cell(CODE, "05003"), WARN, "new-unit", ("no accepted drop has",)),
    Attack("a municipality twice, alike", grid(lambda r: r.append(list(r[1]))), ERROR, "duplicate-row", ("the first is kept",)),
    Attack("a municipality twice, once without its zero and with other counts", grid(lambda r: r.append(["05001", *r[1][1:-1], "99"])), ERROR, "conflicting-rows", ("none is used",)),
    Attack("a municipality twice, one of them in the name of a traversal", grid(lambda r: r.append(["../../05001", *r[1][1:]])), ERROR, "unknown-municipality", ("'../../05001'",)),
]  # fmt: skip
