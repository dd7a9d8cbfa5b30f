"""What every reading must keep, an adapter's of a file or a source's of a drop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from pipelines.codes import UnitCodes
from pipelines.contracts import Issue, Level
from pipelines.data.raw import CELL_COLUMNS, REFUSED_COLUMNS, UNIT_COLUMNS, Kind
from pipelines.weeks import Calendar

_KINDS, _WHOLE_TEXT = get_args(Kind), 2  # a shorter private text may stand in anything by chance


@dataclass(frozen=True)
class Fact:
    """A value that a sample file holds, as its reader can see it.

    Attributes:
        row: of the file, 1-based; a header is row 1.
        unit_id: the code as its system writes it.
        when: "2018-w01" for a week, "2018-01" for a month, a year for population.
        kind: "week", "temp", "rain", "population" or "demographic".
        file: as it is named to a person; "" = the one file.
    """

    row: int
    unit_id: str
    when: str | int
    number: float
    kind: Kind = "week"
    file: str = ""


@dataclass(frozen=True)
class Frames:
    """What was read: frames of data/raw.py, and every file's number of records."""

    units: pd.DataFrame
    cells: pd.DataFrame
    refused: pd.DataFrame
    issues: tuple[Issue, ...]
    n_received: dict[str, int]
    more: tuple[object, ...] = ()  # delays and spans

    @property
    def usable(self) -> bool:
        """Whether no issue stops it."""
        return not any(issue.level is Level.CRITICAL for issue in self.issues)

    def weeks(self) -> pd.DataFrame:
        """Cells of weekly cases."""
        return self.cells[self.cells["kind"].astype(object) == "week"]


def check_frames(read: Frames, codes: UnitCodes, last_week: int, what: str) -> None:
    """Raise AssertionError unless frames are as data/raw.py says; they may be empty, with a reason.

    Args:
        last_week: ordinal of the last week that may be there.
    """
    for name, frame, columns in (
        ("units", read.units, UNIT_COLUMNS),
        ("cells", read.cells, CELL_COLUMNS),
        ("refused", read.refused, REFUSED_COLUMNS),
    ):
        assert tuple(frame.columns) == columns, (
            f"{what}: {name} has the columns {', '.join(map(str, frame.columns))} instead of "
            f"{', '.join(columns)}"
        )
    assert len(read.cells) or len(read.refused) or read.issues, (
        f"{what}: nothing is read, and nothing says why"
    )
    for issue in read.issues:
        assert issue.message and issue.fix, (
            f"{what}: the issue {issue.code!r} does not say what was found and what to do"
        )
    if len(read.refused):
        explained = (read.refused[["code", "detail", "fix"]].astype(str) != "").all(axis=None)
        assert explained, f"{what}: a refused record does not say its code, detail and fix"
    _check_rows(read, what)
    if len(read.cells):
        _check_cells(read, codes, what)
        weeks = read.weeks()["when"]
        assert weeks.empty or int(weeks.max()) <= last_week, (
            f"{what}: a week is read that had not ended, or comes after the last one asked for"
        )


def _check_rows(read: Frames, what: str) -> None:
    for name, frame in (("units", read.units), ("cells", read.cells), ("refused", read.refused)):
        unknown = set(frame["file"].astype(str)) - set(read.n_received)
        assert not unknown, f"{what}: {name} name files that nobody delivered: {sorted(unknown)}"
        rows = frame["row"].to_numpy(np.float64)
        assert ((rows >= 1) & (rows % 1 == 0)).all(), (
            f"{what}: a row of {name} is no record of the file, which count from 1"
        )


def _check_cells(read: Frames, codes: UnitCodes, what: str) -> None:
    cells = read.cells.astype({"file": object, "kind": object, "clean": object, "unit_id": object})
    odd = set(cells["kind"]) - set(_KINDS)
    assert not odd, f"{what}: cells of unknown kinds {sorted(map(str, odd))}"
    key = ["file", "unit_row", "kind", "clean", "when"]
    assert not cells.duplicated(key).any(), (
        f"{what}: two cells for one unit, kind and time: keep one, refuse the others"
    )
    known = set(zip(read.units["file"].astype(str), read.units["row"].astype(int), strict=True))
    lost = set(zip(cells["file"], cells["unit_row"].astype(int), strict=True)) - known
    assert not lost, f"{what}: cells belong to no record of units: {sorted(lost)[:3]}"
    for code in cells["unit_id"].dropna().unique():
        assert codes.normalise(str(code)) == code, (
            f"{what}: {code!r} is not written as the code system writes it"
        )
    empty, number = cells["value"].isna(), cells["number"].to_numpy(np.float64)
    assert np.isnan(number[empty]).all(), (
        f"{what}: a cell without a value has a number: missing is never zero"
    )
    texts = cells.loc[~empty, "value"]
    assert texts.map(lambda v: isinstance(v, str)).all(), (
        f"{what}: `value` is the text as delivered"
    )
    named = (cells["clean"] != "") == cells["kind"].isin(["population", "demographic"])
    assert named.all(), (
        f"{what}: `clean` is the column of population and demographic cells, and empty for others"
    )


def check_facts(read: Frames, facts: Sequence[Fact], calendar: Calendar, what: str) -> None:
    """Raise AssertionError unless the cells that a caller states are there, with their true row."""
    for fact in facts:
        cells = read.cells[
            (read.cells["unit_id"].astype(object) == fact.unit_id)
            & (read.cells["kind"].astype(object) == fact.kind)
        ]
        found = cells[cells["when"] == _when(fact, calendar)]
        fact_name = f"{what}: {fact.kind} of {fact.unit_id} at {fact.when}"
        assert len(found), f"{fact_name} is not read"
        cell = found.iloc[0]
        assert np.isclose(float(cell["number"]), fact.number, rtol=0, atol=1e-9), (
            f"{fact_name} is read as {cell['number']:g}, and the file says {fact.number:g}"
        )
        assert int(cell["row"]) == fact.row, (
            f"{fact_name} is reported in row {cell['row']}; the file has it in row {fact.row}"
        )
        assert fact.file in ("", str(cell["file"])), (
            f"{fact_name} is reported in {cell['file']}; it is in {fact.file}"
        )


def _when(fact: Fact, calendar: Calendar) -> int:
    if isinstance(fact.when, int):
        return fact.when
    if fact.kind in ("temp", "rain"):
        year, month = fact.when.split("-")
        return int(year) * 12 + int(month) - 1
    return calendar.week_no(fact.when)


def check_sample(read: Callable[[], Frames], facts: Sequence[Fact], calendar: Calendar) -> Frames:
    """The sample as it is read. Raise AssertionError unless it is usable, true, and the
    same twice."""
    whole, what = read(), "the sample"
    assert whole.usable, f"{what} is not usable: {'; '.join(i.message for i in whole.issues)}"
    check_facts(whole, facts, calendar, what)
    check_equal(whole, read(), what)
    return whole


def check_equal(one: Frames, two: Frames, what: str) -> None:
    """Raise AssertionError unless both readings say the same."""
    pairs = ((one.units, two.units), (one.cells, two.cells), (one.refused, two.refused))
    same = all(a.reset_index(drop=True).equals(b.reset_index(drop=True)) for a, b in pairs)
    assert same and one.issues == two.issues, f"{what}: read twice, it says other things"


def check_kept(later: Frames, whole: Frames, last_week: int, what: str) -> None:
    """Raise AssertionError unless cutting changed nothing up to the last week."""
    key = ["unit_id", "when", "number"]
    before = whole.weeks()[key].astype({"unit_id": object})
    before = before[before["when"] <= last_week].sort_values(key).reset_index(drop=True)
    kept = later.weeks()[key].astype({"unit_id": object}).sort_values(key).reset_index(drop=True)
    assert len(kept) and kept.astype(str).equals(before.astype(str)), (
        f"{what}: counts up to the last week are not those of the whole file"
    )


def check_private(read: Frames, private: Iterable[str], what: str) -> None:
    """Raise AssertionError if a person's text leaves with cells, refusals or messages."""
    frames = (
        read.units,
        read.cells,
        read.refused,
        *(m for m in read.more if isinstance(m, pd.DataFrame)),
    )
    texts = "\x1f".join(
        [*("\x1f".join(f.astype(str).to_numpy().ravel()) for f in frames), *map(str, read.issues)]
    )
    for text in private:
        assert text not in texts, (
            f"{what}: {text!r} leaves, and it is a person's or in no declared column"
        )


def check_stated(facts: Sequence[Fact], private: Sequence[str], contents: Sequence[bytes]) -> None:
    """Raise AssertionError if what the caller states would check nothing."""
    assert facts, "state some facts of the sample: its rows, units, weeks and numbers"
    for text in private:
        assert len(text) >= _WHOLE_TEXT, f"{text!r} is too short: it may stand anywhere by chance"
        assert any(text.encode() in content for content in contents), (
            f"{text!r} does not stand in the sample"
        )
