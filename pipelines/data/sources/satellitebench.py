"""PhysioNet's multimodal-satellite-data layout: one row a municipality, one column a week or month.

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

from pipelines.arrays import Texts
from pipelines.contracts import Issue, Level
from pipelines.data.csv_table import RawTable, read_table
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import TABLE, Drop
from pipelines.data.raw import RawDrop, issue
from pipelines.data.sources import Context
from pipelines.data.sources.dane import DaneCodes
from pipelines.data.sources.satellitebench_columns import (
    CODE,
    read_column,
)
from pipelines.data.sources.satellitebench_header import header_issues
from pipelines.data.sources.wide import Column, WideTable, tidy
from pipelines.errors import DropError
from pipelines.weeks import CDC


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
    issues = (*table.issues, *header_issues(table, columns), *late_issues)
    return WideTable(drop, table, kept, _unit_ids(table, columns), issues)


def _columns(table: RawTable) -> dict[int, Column]:
    often = Counter(table.header)
    known = ((at, read_column(name)) for at, name in enumerate(table.header) if often[name] == 1)
    return {at: column for at, column in known if column is not None}


def _unit_ids(table: RawTable, columns: dict[int, Column]) -> Texts:
    at = next((i for i, column in columns.items() if column.kind == "code"), None)
    codes = ["" for _ in table.rows] if at is None else list(table.cells[:, at])
    return np.array([DaneCodes().normalise(code) for code in codes], dtype=object)


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
