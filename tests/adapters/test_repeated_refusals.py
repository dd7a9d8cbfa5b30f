"""A bad record that every cumulative drop brings again counts once, and the newest drop is
named."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from support.ministry import Ministry, the

from pipelines.data.findings import once

PEOPLE: dict[str, Any] = {
    "adapter": "line_list",
    "file": "cases.csv",
    "columns": {"unit": "place", "year": "year", "week": "week"},
}
GOOD = "".join(f"{u},2018,{w}\n" for u in "AB" for w in range(1, 41))
FIRST, SECOND = "2018-10-16", "2018-10-23"


def test_a_cumulative_line_list_counts_its_bad_records_once(tmp_path):
    ministry = Ministry(tmp_path, PEOPLE)
    bad = ",2018,5\n,2018,5\nA,2018,77\n"
    ministry.bring(FIRST, cases_csv="place,year,week\n" + GOOD + bad)
    ministry.bring(
        SECOND, cases_csv="place,year,week\n" + bad + ",2018,41\n" + GOOD + "A,2018,41\nB,2018,41\n"
    )
    result = ministry.validate(out=tmp_path / "out")
    assert result.quarantine["file"].unique().tolist() == ["2018-10-23/cases.csv"]
    assert result.quarantine["row"].tolist() == [2, 3, 4, 5]
    assert [i.place for i in result.issues if i.code == "no-unit"] == [
        f"2018-10-23/cases.csv row {n}, column 'place'" for n in (2, 3, 5)
    ]
    assert pd.read_csv(ministry.home / "out" / "quarantine.csv")["row"].tolist() == [2, 3, 4, 5]


def test_records_of_other_units_are_no_repetition(tmp_path):
    ministry = Ministry(tmp_path, {"file": "cases.csv"})
    table = "unit,year,week,cases\n" + GOOD.replace("\n", ",1\n")
    ministry.bring(FIRST, cases_csv=table + "A,2018,54,1\n")
    ministry.bring(SECOND, cases_csv=table + "B,2018,54,1\n")
    result = ministry.validate()
    assert result.quarantine["file"].tolist() == [f"{day}/cases.csv" for day in (FIRST, SECOND)]


def test_a_code_that_is_none_is_told_of_the_newest_drop(tmp_path):
    ministry = Ministry(tmp_path, {"file": "cases.csv"})
    table = "unit,year,week,cases\n" + GOOD.replace("\n", ",1\n") + "\u200b,2018,5,1\n"
    ministry.bring(FIRST, cases_csv=table)
    ministry.bring(SECOND, cases_csv=table)
    result = ministry.validate()
    assert the(result.issues, "not-a-code").place.startswith("2018-10-23/cases.csv row 82")
    assert len(result.quarantine) == 1


@pytest.mark.parametrize(
    ("days", "kept"),
    [(["1", "2", "2"], [1, 2]), (["1", "1", "2"], [1, 2]), (["2", "1", "1"], [0, 2])],
)
def test_equal_records_are_as_many_as_the_drop_with_most_has(days, kept):
    rows = pd.DataFrame(
        {
            "file": [f"{d}/a.csv" for d in days],
            "row": 2,
            "column": "c",
            "value": "",
            "code": "no-unit",
        }
    )
    assert once(rows, ["1", "2"]).index.tolist() == kept


def test_frames_that_are_about_no_record_stay_whole():
    weeks = pd.DataFrame({"period": ["2018-w01", "2018-w01"]})
    assert once(weeks, ["1", "2"]) is weeks
