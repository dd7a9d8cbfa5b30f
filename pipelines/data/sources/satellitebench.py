"""PhysioNet's multimodal-satellite-data layout: one row a municipality, one column a week or month.

Belongs here: which columns a drop's metadata.csv must have and what is wrong with its header.
Does not belong here: values (expectations.py) and column names as such (columns.py).
Source: DOI 10.13026/xr5s-xe24.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np

from pipelines.contracts import Issue, Level
from pipelines.data.csv_table import RawTable, read_table
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import TABLE, Drop
from pipelines.data.raw import RawDrop, issue
from pipelines.data.sources import Context
from pipelines.data.sources.dane import DaneCodes
from pipelines.data.sources.satellitebench_columns import (
    CODE,
    FIRST_YEAR,
    REQUIRED,
    looks_like_week,
    meant_name,
    read_column,
)
from pipelines.data.sources.wide import Column, WideTable, tidy
from pipelines.data.week_test import NUMBERINGS, fitting
from pipelines.errors import DropError
from pipelines.weeks import CDC

_AGAIN = "remove the rejected drop and make it again"
_MAX_UNKNOWN = 50  # beyond it the header is of another table, and guessing at names would mislead


def read_raw(drop: Drop, context: Context) -> RawDrop:
    """Read and recognise a drop's table. Raises nothing for its content: see `issues`."""
    del context  # this layout has its own codes and weeks
    return tidy(recognise(drop, read_table(drop)))


def bring(files: list[Path], to: Path, info: DropInfo, until: str | None, context: Context) -> None:
    """Put one metadata.csv into a new drop; see sources.Source.bring.

    With `until`, later case columns, climate that was not available on received_date, totals of
    unfinished years and populations of later years are left out.
    """
    del context
    if len(files) != 1 or not files[0].is_file():
        raise DropError(
            "there is no table" if len(files) < 2 else f"{len(files)} tables are given",
            where=", ".join(map(str, files)),
            fix="name the metadata.csv file, such as --table metadata.csv",
        )
    rows = _read_rows(files[0])
    _require_cuttable(files[0], rows[0] if rows else [], until)
    if until is None:
        shutil.copyfile(files[0], to / TABLE)
        return
    last, header = CDC.week_no(until), rows[0] if rows else []
    keep = [
        i for i, name in enumerate(header) if _known_by_then(read_column(name.strip()), info, last)
    ]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([row[i] for i in keep if i < len(row)] for row in rows)
    (to / TABLE).write_text(buffer.getvalue(), encoding="utf-8", newline="")


def _read_rows(table: Path) -> list[list[str]]:
    """All rows as text. What is another kind of file is refused here, before it becomes a drop."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.reader(handle))
    except (UnicodeDecodeError, csv.Error) as err:
        raise DropError(
            f"the table cannot be read: {err}",
            where=str(table),
            fix="save it as CSV, UTF-8, comma delimited",
        ) from err
    if rows and rows[0] and not any(read_column(name.strip()) for name in rows[0]):
        raise DropError(
            "no column of the table's first row is known, so it is not a municipal table",
            where=str(table),
            fix=(
                f"name a metadata.csv, comma delimited, with columns such as {CODE!r} and "
                "'2018/w48'; for another layout name its profile with --profile (docs/formats.md)"
            ),
        )
    return rows


def _require_cuttable(table: Path, header: list[str], until: str | None) -> None:
    """Raise DropError if `until` is asked for and weeks stand under names that are not known."""
    other = [
        n
        for n in header
        if read_column(n.strip()) is None
        and re.fullmatch(r"(?:19|20)[0-9]{2}[^0-9]{0,4}[0-9]{2}", n.strip())
    ]
    if until is not None and other:
        raise DropError(
            f"the table cannot be cut after {until}: {len(other)} columns such as {other[0]!r} "
            "name weeks in another way than this layout",
            where=f"{table} row 1",
            fix=(
                "name weeks like '2018/w48', or read the table with the source `files` and "
                "`adapter: wide` (docs/formats.md)"
            ),
        )


def _known_by_then(column: Column | None, info: DropInfo, last_week: int) -> bool:
    if column is None:
        return True
    year = CDC.epi_year(last_week)
    finished = CDC.epi_year(last_week + 1) > year
    known = {
        "week": column.when <= last_week,
        "population": column.when <= year,
        "yearly_cases": column.when < year or (column.when == year and finished),
    }
    if column.kind in ("temp", "rain"):
        return info.climate_available(column.when) <= info.received_date
    return known.get(column.kind, True)


def recognise(drop: Drop, table: RawTable) -> WideTable:
    """A drop's table with its columns recognised; a source with other names hands in its own."""
    if not table.header:
        return WideTable(drop, table, {}, np.empty(0, dtype=object), table.issues)
    columns = _columns(table)
    late, late_issues = _weeks_after_receipt(drop, table, columns)
    kept = {at: column for at, column in columns.items() if at not in late}
    issues = (*table.issues, *_header_issues(table, columns), *late_issues)
    return WideTable(drop, table, kept, _unit_ids(table, columns), issues)


def _columns(table: RawTable) -> dict[int, Column]:
    often = Counter(table.header)
    known = ((at, read_column(name)) for at, name in enumerate(table.header) if often[name] == 1)
    return {at: column for at, column in known if column is not None}


def _unit_ids(table: RawTable, columns: dict[int, Column]) -> np.ndarray:
    at = next((i for i, column in columns.items() if column.kind == "code"), None)
    codes = ["" for _ in table.rows] if at is None else list(table.cells[:, at])
    return np.array([DaneCodes().normalise(code) for code in codes], dtype=object)


def _header_issues(table: RawTable, columns: dict[int, Column]) -> list[Issue]:
    place = f"{table.file} row 1"
    absent = [name for name in REQUIRED if name not in table.header]
    unknown = [n for n in dict.fromkeys(table.header) if n and read_column(n) is None]
    renamed = {name: meant_name(name, absent) for name in unknown[:_MAX_UNKNOWN]}
    renamed = {n: meant for n, meant in renamed.items() if meant and _may_be(meant, table)}
    gone = [name for name in absent if name not in renamed.values()]
    return [
        *_other_numbering(table, place),
        *_repeated(table, place),
        *(_renamed(name, str(meant), place) for name, meant in renamed.items()),
        *(_missing(name, place) for name in gone),
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


def _weeks_after_receipt(
    drop: Drop, table: RawTable, columns: dict[int, Column]
) -> tuple[set[int], list[Issue]]:
    """Weeks that had not ended when the drop was received: counts of them cannot be complete."""
    received = drop.info.received_date
    late = {at for at, c in columns.items() if c.kind == "week" and CDC.week_end(c.when) > received}
    names = sorted(columns[at].source for at in late)
    if not names:
        return late, []
    period = names[0] if len(names) == 1 else f"{names[0]}..{names[-1]}"
    return late, [
        issue(
            Level.ERROR,
            "week-not-ended",
            f"{len(names)} weeks end after the drop was received on {received}; their counts were "
            "left out",
            f"{table.file} row 1",
            "correct received_date in drop.yaml, or cut the table with `denguard drop --until`",
            period,
            len(names),
        )
    ]
