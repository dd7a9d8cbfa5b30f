"""CSV for people: no live formula, no spoilt number, and a machine gets back what was there."""

from __future__ import annotations

import ast
import csv
import io
import re
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from pipelines.storage.people_csv import ADDED, frame_csv, harmless, table_csv

LIVE = [
    '=HYPERLINK("http://example.org";"Medellín")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(1;2)",
    "\t=1", "\r=1", "\n=1", "＝1+1", "'=1", "-", "-3.2m",
]  # fmt: skip
PLAIN = [
    "-3.2",
    "+7",
    "-1,234.5",
    "-1e-3",
    "-5%",
    "Medellín",
    "O'Higgins",
    "'tHoofd",
    "a=b",
    "",
    "05001",
]


_WRITERS = {"csv.writer", "csv.DictWriter", "pacsv.write_csv"}


def back(cell: str) -> str:
    """What docs/data-dictionary.md tells a program to do."""
    return cell[1:] if re.match(ADDED, cell) else cell


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", LIVE)
def test_text_that_a_spreadsheet_would_run_is_text_and_comes_back(text: str) -> None:
    assert harmless(text)[0] == "'" and back(harmless(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_and_numbers_are_as_they_were(text: str) -> None:
    assert harmless(text) == text and back(text) == text


def test_a_frame_and_an_arrow_table_are_guarded_alike_by_cell_and_by_name() -> None:
    names = ["=A1", "name", "parent", "number", "day", "empty"]
    frame = pd.DataFrame(
        list(
            zip(
                LIVE,
                LIVE,
                pd.Categorical(LIVE),
                [-3.2] * 11,
                [date(2018, 1, 7)] * 11,
                [None] * 11,
                strict=True,
            )
        ),
        columns=names,
    ).astype({"parent": "category"})
    head, *rows = cells(frame_csv(frame))
    assert head == ["'=A1", *names[1:]]
    assert [row[1] for row in rows] == [row[2] for row in rows] == [f"'{text}" for text in LIVE]
    assert {tuple(row[3:]) for row in rows} == {("-3.2", "2018-01-07", "")}
    head, *rows = cells(table_csv(pa.Table.from_pandas(frame)).decode())
    assert head == ["'=A1", *names[1:]]
    assert [row[1] for row in rows] == [row[2] for row in rows] == [f"'{text}" for text in LIVE]
    assert {tuple(row[3:]) for row in rows} == {("-3.2", "2018-01-07", "")}


def test_a_table_without_such_text_has_the_bytes_that_it_always_had() -> None:
    frame = pd.DataFrame({"unit": ["05001", None], "n": [-3.25, None], "own": ["a,b", 'c"d']})
    assert frame_csv(frame) == frame.to_csv(index=False, lineterminator="\n")


def test_no_csv_for_people_is_written_past_the_guard() -> None:
    """Files that write CSV by themselves: the guard, a figure's table, and what drops are read
    from.
    """
    of_drops = {
        "data/sources/satellitebench.py",
        "data/adapters/note_tables.py",
        "data/scene_observations.py",
    }
    known = {"storage/people_csv.py", "paper/tables.py", *of_drops}
    root = Path(__file__).parents[2] / "pipelines"
    own = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and (node.attr == "to_csv" or ast.unparse(node) in _WRITERS)
    }
    assert own == known
