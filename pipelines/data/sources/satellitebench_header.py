"""What is wrong with the municipal table's header: columns renamed, repeated, missing, unknown."""

from __future__ import annotations

from collections import Counter

import numpy as np

from pipelines.contracts import Issue, Level
from pipelines.data.csv_table import RawTable
from pipelines.data.raw import issue
from pipelines.data.sources.satellitebench_columns import (
    FIRST_YEAR,
    REQUIRED,
    looks_like_week,
    meant_name,
    read_column,
)
from pipelines.data.sources.wide import Column
from pipelines.data.week_test import NUMBERINGS, fitting
from pipelines.weeks import CDC

_AGAIN = "remove the rejected drop and make it again"


_MAX_UNKNOWN = 50  # beyond it the header is of another table, and guessing at names would mislead


def header_issues(table: RawTable, columns: dict[int, Column]) -> list[Issue]:
    """Everything that is wrong with the columns, each named with what to do."""
    place = f"{table.file} row 1"
    absent = [name for name in REQUIRED if name not in table.header]
    unknown = [n for n in dict.fromkeys(table.header) if n and read_column(n) is None]
    renamed = {name: meant_name(name, absent) for name in unknown[:_MAX_UNKNOWN]}
    renamed = {n: meant for n, meant in renamed.items() if meant and _may_be(meant, table)}
    missing = [name for name in absent if name not in renamed.values()]
    return [
        *_other_numbering(table, place),
        *_repeated(table, place),
        *(_renamed(name, str(meant), place) for name, meant in renamed.items()),
        *(_missing(name, place) for name in missing),
        *_missing_kinds(columns, list(renamed.values()), place),
        *_unknown([n for n in unknown if n not in renamed], place),
        *_nameless(table, place),
    ]


def _other_numbering(table: RawTable, place: str) -> list[Issue]:
    """Weeks 53 that only ISO weeks have: every week of that table would be read up to a
    week off."""
    weeks = [(int(n[:4]), int(n[6:])) for n in table.header if looks_like_week(n)]
    year, week = (np.array([pair[i] for pair in weeks], dtype=np.int64) for i in (0, 1))
    fit = fitting(year, week, NUMBERINGS)
    if fit != ["iso"]:
        return []
    years = ", ".join(
        str(y) for y in sorted({y for y, w in weeks if w == 53 and not CDC.has(y, 53)})
    )
    return [
        issue(
            Level.CRITICAL,
            "other-numbering",
            "this table counts ISO weeks: it has a week 53 in "
            f"{years or 'the years of ISO weeks'}, which this layout's CDC weeks have not",
            place,
            "number the weeks as the CDC does, or read the table with the source `files`, "
            f"`adapter: wide` and place.week.numbering: iso (docs/formats.md); {_AGAIN}",
        )
    ]


def _may_be(meant: str, table: RawTable) -> bool:
    return read_column(meant) is not None and meant not in table.header


def _renamed(name: str, meant: str, place: str) -> Issue:
    return issue(
        Level.CRITICAL,
        "renamed-column",
        f"column {name!r} is not known; {meant!r} is expected and absent",
        place,
        f"rename column {name!r} to {meant!r}; {_AGAIN}",
    )


def _missing(name: str, place: str) -> Issue:
    return issue(
        Level.CRITICAL,
        "missing-column",
        f"required column {name!r} is missing",
        place,
        f"deliver the table with column {name!r}; {_AGAIN}",
    )


def _repeated(table: RawTable, place: str) -> list[Issue]:
    often = Counter(name for name in table.header if name)
    return [
        issue(
            Level.CRITICAL,
            "duplicate-column",
            f"column {name!r} is there {n} times",
            place,
            f"keep the right column {name!r} and remove the others; {_AGAIN}",
            rows=n,
        )
        for name, n in often.items()
        if n > 1
    ]


def _missing_kinds(
    columns: dict[int, Column], renamed: list[str | None], place: str
) -> list[Issue]:
    found = {c.kind for c in columns.values()} | {
        c.kind for n in renamed if n and (c := read_column(n))
    }
    wanted = {
        "week": ("weekly cases", "2018/w48"),
        "population": ("population", "Population2018"),
        "temp": ("temperature", "TEMPERATURE_nov_18"),
        "rain": ("precipitation", "PRECIPITATION_nov_18"),
    }
    return [
        issue(
            Level.CRITICAL,
            "missing-column",
            f"there is no column of {what}, such as {example!r}",
            place,
            f"deliver the {what} columns, named like {example!r}; {_AGAIN}",
        )
        for kind, (what, example) in wanted.items()
        if kind not in found
    ]


def _unknown(names: list[str], place: str) -> list[Issue]:
    no_week = [n for n in names if looks_like_week(n)]
    other = [n for n in names if not looks_like_week(n)]
    found = [
        issue(
            Level.ERROR,
            "no-such-week",
            f"column {n!r} names a week that the calendar does not have, or one before "
            f"{FIRST_YEAR}; it was left out",
            place,
            "check the week: only some years have a week 53 (CDC weeks)",
        )
        for n in no_week
    ]
    if other:
        shown = ", ".join(repr(n) for n in other[:5]) + (", ..." if len(other) > 5 else "")
        found.append(
            issue(
                Level.WARNING,
                "unknown-column",
                f"columns that are not of this layout were left out: {shown}",
                place,
                "remove them, or correct their names",
                rows=len(other),
            )
        )
    return found


def _nameless(table: RawTable, place: str) -> list[Issue]:
    n = sum(not name for name in table.header)
    return (
        [
            issue(
                Level.WARNING,
                "nameless-column",
                f"{n} columns have no name and were left out",
                place,
                "remove the empty columns",
                rows=n,
            )
        ]
        if n
        else []
    )
