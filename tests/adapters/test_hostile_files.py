"""Tried wrong, the file as a file: what it really is, its header, separators, notes and codes."""

from __future__ import annotations

import gzip
import io
import zipfile

import pandas as pd
import pytest
from support.adapter_kit import read, read_file, refusals, stopped, the, weekly

from pipelines.codes import TextCodes
from pipelines.contracts import Level

GOOD = "unit,year,week,cases\nA,2018,1,3\nA,2018,2,4\nB,2018,1,0\n"
CELLS = {("A", "2018-w01"): 3.0, ("A", "2018-w02"): 4.0, ("B", "2018-w01"): 0.0}


def book(sheets: dict[str, pd.DataFrame]) -> bytes:
    buffer = io.BytesIO()
    with pd.ExcelWriter(buffer, engine="openpyxl") as writer:
        for name, frame in sheets.items():
            frame.to_excel(writer, sheet_name=name, index=False)
    return buffer.getvalue()


def frame() -> pd.DataFrame:
    return pd.read_csv(io.StringIO(GOOD))


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace(",", "|"),
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.rstrip("\n"),
        GOOD.replace("A,2018,2,4\n", "\nA,2018,2,4\n\n"),
        GOOD.replace("A,", '"A",'),
        GOOD.replace("2018,1,3", " 2018 , 1 ,3 "),
        GOOD.replace("2018,1,3", "2018.0,1.0,3.0"),
        parquet(frame()),
        parquet(frame().astype({"cases": "float64", "unit": "category"})),
    ],
    ids=range(13),
)
def test_the_same_table_is_read_alike_however_it_is_written(tmp_path, content):
    assert weekly(read(tmp_path, content)) == CELLS


def test_a_spreadsheet_called_csv_is_read_as_a_spreadsheet(tmp_path):
    reading = read(tmp_path, book({"Sheet1": frame()}))
    assert weekly(reading) == CELLS and the(reading, "is-a-workbook").level is Level.INFO


def test_a_workbook_with_two_sheets_needs_to_be_told_which(tmp_path):
    content = book({"2018": frame(), "notes": frame().iloc[:0]})
    assert "'2018', 'notes'" in stopped(read(tmp_path, content), "several-sheets").message
    assert weekly(read(tmp_path, content, sheet="2018")) == CELLS
    assert "'2019'" in stopped(read(tmp_path, content, sheet="2019"), "several-sheets").message


def test_days_in_a_workbook_are_days(tmp_path):
    table = pd.DataFrame(
        {"unit": "A", "date": pd.to_datetime(["2018-01-07", "2018-01-14"]), "cases": [1, 2]}
    )
    assert weekly(read(tmp_path, book({"s": table}))) == {
        ("A", "2018-w02"): 1.0,
        ("A", "2018-w03"): 2.0,
    }


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (gzip.compress(GOOD.encode(), mtime=0), "unreadable-table", "gzip"),
        (b"%PDF-1.4 rest", "unreadable-table", "PDF"),
        (b"\xd0\xcf\x11\xe0rest", "unreadable-table", "old Excel"),
        (GOOD.encode("utf-16"), "unreadable-table", "UTF-16"),
        (GOOD.encode() + b"\0\0", "unreadable-table", "NUL"),
        (b"<!DOCTYPE html><p>Login", "unreadable-table", "web page"),
        (zipped("cases.csv"), "unreadable-table", "zip archive"),
        (zipped("content.xml"), "unreadable-table", "OpenDocument"),
        (b"PK\x03\x04 cut", "unreadable-table", "damaged"),
        (b"PAR1 cut", "unreadable-table", "damaged"),
        (b'{"rows": []}', "unreadable-table", "dhis2"),
        (b"", "empty-file", "empty"),
        (b" \n ", "empty-file", "empty"),
        (b"unit,year,week,cases\n", "empty-file", "no rows"),
        (b'unit,year,week,cases\nA,2018,1,"3\n', "unreadable-table", "not valid CSV"),
    ],
    ids=range(15),
)
def test_what_is_no_table_is_named(tmp_path, content, code, says):
    found = stopped(read(tmp_path, content), code)
    assert says in found.message + found.fix


def test_an_absent_file_is_named(tmp_path):
    assert stopped(read_file(tmp_path / "cases.csv"), "missing-file").place.endswith("cases.csv")


def test_latin_1_is_read_and_said_where_it_was_not_declared(tmp_path):
    content = "unit,year,week,cases\nBogotá,2018,1,3\n".encode("latin-1")
    reading = read(tmp_path, content)
    assert weekly(reading) == {("Bogotá", "2018-w01"): 3.0}
    assert the(reading, "not-utf-8").place.endswith("row 2")
    assert not [i for i in read(tmp_path, content, encoding="latin-1").issues]


def test_utf_8_declared_as_latin_1_is_still_utf_8(tmp_path):
    reading = read(tmp_path, "unit,year,week,cases\nBogotá,2018,1,3\n", encoding="latin-1")
    assert weekly(reading) == {("Bogotá", "2018-w01"): 3.0} and the(reading, "is-utf-8")


def test_notes_below_a_table_are_left_out_and_said(tmp_path):
    reading = read(tmp_path, GOOD + "Source: Ministry of Health\nAccessed 2026\n")
    assert weekly(reading) == CELLS and refusals(reading) == []
    found = the(reading, "notes-below-table")
    assert found.place.endswith("row 5") and "Ministry" in found.message and found.rows == 2


def test_padded_notes_and_totals_below_a_table_are_left_out_and_said(tmp_path):
    reading = read(tmp_path, GOOD + "Total,,,7\nSource: Ministry,,,\n")
    assert weekly(reading) == CELLS and the(reading, "notes-below-table").place.endswith("row 5")


def test_a_row_with_other_cells_within_the_table_is_refused(tmp_path):
    reading = read(tmp_path, GOOD.replace("A,2018,2,4", "A,2018,2"))
    assert refusals(reading) == [(3, "ragged-row")] and len(weekly(reading)) == 2


def test_lines_above_the_header_are_named_or_declared(tmp_path):
    content = "Dengue 2018\n\n" + GOOD
    assert "header_row" in stopped(read(tmp_path, content), "missing-column").fix
    assert weekly(read(tmp_path, content, header_row=3)) == CELLS


def test_decimal_commas_with_semicolons_are_found(tmp_path):
    content = "unit;year;week;cases;population;temp_mean_c\n" + "".join(
        f"A;2018;{w};1.234;2.100.000;25,5\n" for w in range(1, 10)
    )
    reading = read(tmp_path, content)
    assert set(weekly(reading).values()) == {1234.0}
    climate = reading.cells[reading.cells["kind"] == "temp"]
    assert set(climate["number"]) == {25.5}
    assert reading.cells.loc[reading.cells["kind"] == "population", "value"].tolist() == ["2100000"]


def test_a_point_before_three_digits_is_left_for_the_check_that_refuses_it(tmp_path):
    """Nothing tells whether 1.234 is a thousand; data.expectations refuses it as it stands."""
    cells = read(tmp_path, GOOD.replace("2018,1,3", "2018,1,1.234")).cells
    assert cells["value"].tolist()[0] == "1.234"


def test_a_decimal_point_in_a_file_of_decimal_commas_is_refused(tmp_path):
    content = GOOD.replace(",", ";").replace("2018;1;3", "2018;1;3.5")
    assert refusals(read(tmp_path, content, decimal=",")) == [(2, "decimal-point")]


@pytest.mark.parametrize("missing", ["", "NA", "\\N", "null"])
def test_missing_is_missing_and_never_zero(tmp_path, missing):
    assert (
        weekly(read(tmp_path, GOOD.replace("2018,1,3", f"2018,1,{missing}")))[("A", "2018-w01")]
        is None
    )


def test_a_unit_week_twice_with_one_count_keeps_the_first(tmp_path):
    reading = read(tmp_path, GOOD + "A,2018,2,4.0\n")
    assert weekly(reading) == CELLS and refusals(reading) == [(5, "repeated-count")]
    assert "A 2018-w02" in reading.refused["detail"][0]


def test_a_unit_week_twice_with_different_counts_is_not_used_at_all(tmp_path):
    reading = read(tmp_path, GOOD + "A,2018,2,9\n")
    assert refusals(reading) == [(3, "conflicting-counts"), (5, "conflicting-counts")]
    assert ("A", "2018-w02") not in weekly(reading)


def test_a_file_in_which_every_count_contradicts_another_is_refused_as_a_whole(tmp_path):
    found = stopped(
        read(tmp_path, "unit,year,week,cases\nA,2018,1,3\nA,2018,1,4\n"), "nothing-read"
    )
    assert "another value" in found.message


def test_a_record_of_another_width_stays_out_of_quarantine_and_messages(tmp_path):
    """Which of its cells is a person's age nobody can tell."""
    people = (
        "unit,onset,age\nA,2018-01-01,age-77\nA,2018-01-02,age-77,x\n"
        "A,2018-01-06,age-77\nA,age-77\n"
    )
    reading = read(tmp_path, people, adapter="line_list")
    assert refusals(reading) == [(3, "ragged-row")] and the(reading, "notes-below-table")
    assert "age-77" not in f"{reading.refused.to_csv()} {reading.issues}"


def test_a_unit_week_that_is_missing_once_has_the_count_it_has(tmp_path):
    reading = read(tmp_path, GOOD + "A,2018,2,\n")
    assert weekly(reading) == CELLS and refusals(reading) == []


def test_text_that_repeats_a_number_is_a_conflict(tmp_path):
    reading = read(tmp_path, GOOD + "A,2018,2,four\n")
    assert [code for _, code in refusals(reading)] == ["conflicting-counts"] * 2


def test_a_code_that_is_none_is_refused_with_what_it_should_be(tmp_path):
    reading = read(tmp_path, GOOD, codes=TextCodes("IBGE code", "[0-9]{6,7}"))
    assert {code for _, code in refusals(reading)} == {"not-a-code"}
    assert "IBGE code" in stopped(reading, "nothing-read").message


def test_a_record_without_a_unit_is_refused(tmp_path):
    assert refusals(read(tmp_path, GOOD.replace("B,2018,1,0", ",2018,1,0"))) == [(4, "no-unit")]


@pytest.mark.parametrize(
    ("header", "code", "says"),
    [
        ("unit,year,week,number", "missing-column", "'number'"),
        ("unit,year,week,unit", "unclear-columns", "unit"),
        ("code,year,week,cases,casos", "unclear-columns", "'cases', 'casos'"),
        ("province,district,year,week,cases", "unclear-columns", "'province', 'district'"),
        ("unit,cases", "missing-column", "week"),
        ("time_period,disease_cases,location", "other-layout", "chapcore"),
        ("data_iniSE,SE,casos", "other-layout", "infodengue"),
        ("Municipality code,2018/w01,2018/w02,2018/w03", "other-layout", "wide"),
    ],
)
def test_a_header_that_is_not_clear_is_refused_with_what_was_seen(tmp_path, header, code, says):
    row = ",".join("1" for _ in header.split(","))
    found = stopped(read(tmp_path, f"{header}\n{row}\n{row}\n"), code)
    assert says in found.message + found.fix
    assert found.place.endswith("row 1") or "week" in found.message


def test_a_declared_column_that_is_absent_is_named_with_a_close_one(tmp_path):
    columns = {"unit": "unit", "year": "year", "week": "week", "cases": "Casess"}
    found = stopped(read(tmp_path, GOOD, columns=columns), "missing-column")
    assert "'Casess'" in found.message and "columns: {cases: ...}" in found.fix


def test_codes_and_names_side_by_side_are_told_apart(tmp_path):
    content = "code,district,year,week,cases\nVN-1,Hà Nội,2018,1,3\n"
    reading = read(tmp_path, content)
    assert reading.units[["unit_id", "name"]].values.tolist() == [["VN-1", "Hà Nội"]]


def test_a_forecast_is_no_case_table_whatever_adapter_is_asked(tmp_path):
    content = "location,date,output_type,output_type_id,value\n1,2018-01-06,quantile,0.5,3\n"
    for adapter in ("long", "hubverse_target", "line_list"):
        found = stopped(read(tmp_path, content, adapter=adapter), "not-counts")
        assert "hubverse_target" in found.fix
