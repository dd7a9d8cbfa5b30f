"""Elbonia's weekly bulletin, and the codes of its provinces: E- and two digits, of which the first
may lack.
"""

from __future__ import annotations

import re
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.contracts import Level
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.raw import (
    CELL_COLUMNS,
    REFUSED_COLUMNS,
    UNIT_COLUMNS,
    RawDrop,
    issue,
    unusable,
)
from pipelines.data.sources import Context
from pipelines.errors import DropError

FILE = "bulletin.txt"
_LINE = re.compile(r"(?P<code>\S+) week (?P<week>\d+) of (?P<year>\d+): (?P<cases>\d+) cases")


class ElbonianCodes:
    """The code system of `place.codes: {kind: elbonia}`."""

    name = "province code"
    shape = "E- and two digits"

    def normalise(self, code: str) -> str | None:
        """ "e-7" -> "E-07"; None if it is none."""
        found = re.fullmatch(r"E-?(\d{1,2})", code.strip().upper())
        return f"E-{int(found[1]):02d}" if found else None


def bring(files: list[Path], to: Path, info: DropInfo, until: str | None, context: Context) -> None:
    """Put one bulletin into a new drop."""
    del info, context
    if len(files) != 1 or not files[0].is_file() or until is not None:
        raise DropError("one bulletin is needed, and it cannot be cut", fix=f"name the {FILE} file")
    shutil.copyfile(files[0], to / FILE)


def read_raw(drop: Drop, context: Context) -> RawDrop:
    """Every line of the bulletin that tells a province's cases of a week."""
    path = drop.path / FILE
    named = drop.place(path)
    text = path.read_bytes().decode("utf-8-sig", "replace") if path.is_file() else ""
    lines = enumerate(text.splitlines(), 1)
    told = [(row, found) for row, line in lines if (found := _LINE.fullmatch(line))]
    if not told:
        return unusable(
            drop,
            [
                issue(
                    Level.CRITICAL,
                    "no-bulletin",
                    "no line tells cases of a week",
                    named,
                    "deliver the bulletin",
                )
            ],
        )
    every = pd.DataFrame([_cell(row, found, named, context) for row, found in told])
    last = context.calendar.week_no_of_date(drop.info.received_date + timedelta(days=1)) - 1
    bad = every["unit_id"].isna() | every["when"].isna() | (every["when"] > last)
    bad |= every.duplicated(["unit_id", "when"])
    cells = every[~bad].astype({"when": np.int64})
    cells["unit_row"] = cells.groupby("unit_id")["row"].transform("first")
    refused = every[bad].assign(
        code="no-count", detail="no province, no past week, or told before", fix="correct the line"
    )
    first = cells.drop_duplicates("unit_id")
    units = first.assign(
        value=first["told"], name=first["told"], parent="", fingerprint=first["told"]
    )
    return RawDrop(
        drop,
        units[list(UNIT_COLUMNS)],
        cells[list(CELL_COLUMNS)],
        (),
        {named: len(told)},
        refused[list(REFUSED_COLUMNS)],
    )


def _cell(row: int, found: re.Match[str], named: str, context: Context) -> dict[str, object]:
    year, week = int(found["year"]), int(found["week"])
    when = context.calendar.number(year, week) if context.calendar.has(year, week) else None
    return {
        "file": named,
        "row": row,
        "column": "",
        "unit_id": context.codes.normalise(found["code"]),
        "kind": "week",
        "clean": "",
        "when": when,
        "value": found["cases"],
        "number": float(found["cases"]),
        "told": found["code"],
    }
