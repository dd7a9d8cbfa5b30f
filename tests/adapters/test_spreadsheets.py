"""Tried wrong, workbooks as people make them: merged cells, titles, days as numbers, thousands."""

from __future__ import annotations

import io
from datetime import date, datetime

import openpyxl
from support.adapter_kit import read, refusals, stopped, weekly
from support.ministry import CASES, TABLE, Ministry

HEADER = ["unit", "year", "week", "cases"]


def saved(*rows: list, merged: str = "") -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if merged:
        book.active.merge_cells(merged)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_merged_titles_above_the_header_are_passed_over_where_it_is_declared(tmp_path):
    content = saved(
        ["Dengue", "", "", ""],
        ["Place", "Time", "", "Count"],
        HEADER,
        ["A", 2018, 1, 3],
        merged="A1:D1",
    )
    assert stopped(read(tmp_path, content), "missing-column").place.endswith("row 1")
    assert weekly(read(tmp_path, content, header_row=3)) == {("A", "2018-w01"): 3.0}


def test_merged_units_are_refused_by_row_with_what_to_do(tmp_path):
    content = saved(HEADER, ["A", 2018, 1, 3], [None, 2018, 2, 4], merged="A2:A3")
    reading = read(tmp_path, content)
    assert refusals(reading) == [(3, "no-unit")] and "unmerge" in reading.refused["fix"][0]


def test_days_without_their_date_format_are_named(tmp_path):
    content = saved(["unit", "start", "cases"], ["A", 43107, 1], ["A", 43114, 2])
    found = stopped(read(tmp_path, content), "nothing-read")
    assert "spreadsheet's number of a day" in found.message and "'43107'" in found.message


def test_dates_of_which_a_spreadsheet_read_some_the_other_way_round_stop(tmp_path):
    """03/06/2018 became the 6th of March, 17/06/2018 stayed a text."""
    content = saved(
        ["unit", "start", "cases"], ["A", datetime(2018, 3, 6), 1], ["A", "17/06/2018", 2]
    )
    assert "rows 2 and 3" in stopped(read(tmp_path, content), "two-date-formats").message


def test_a_cell_is_refused_for_one_reason_with_each_way_out(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    table = TABLE.replace("A,2018,7,2", "A,2018,7,1.234").replace("A,2018,8,3", 'A,2018,8,"1,234"')
    ministry.drop(ministry.given(cases_csv=table))
    issues = {i.code: i for i in ministry.validate().issues}
    assert sorted(issues) == ["text-in-number", "thousands-separator"]
    assert "declare `decimal: ','`" in issues["thousands-separator"].fix
    assert "without thousands separators" in issues["text-in-number"].fix
    assert issues["text-in-number"].place == "2018-12-04/cases.csv row 9, column 'cases' (A)"


def test_a_day_of_a_workbook_is_the_day_that_it_shows(tmp_path):
    content = saved(["unit", "start", "cases"], ["A", date(2018, 1, 7), 1])
    assert weekly(read(tmp_path, content)) == {("A", "2018-w02"): 1.0}
