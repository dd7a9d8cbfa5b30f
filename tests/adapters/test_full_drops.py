"""`data.updates: full`: what a drop leaves out of its own span was withdrawn; `increment`: not
sent.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.ministry import Ministry, count, table, the

from pipelines.contracts import Level
from pipelines.weeks import CDC

CASES: dict[str, Any] = {"file": "cases.csv"}
RAIN = {"table": "climate", "adapter": "series", "file": "rain.csv", "optional": True}
PEOPLE = {"table": "units", "file": "people.csv", "optional": True}
FIRST, SECOND, THIRD = "2018-10-16", "2018-10-23", "2018-10-30"


def full(home: Path, *inputs: dict[str, Any]) -> Ministry:
    return Ministry(home, *(inputs or (CASES,)), updates="full")


def test_a_week_that_a_full_drop_leaves_out_is_unknown_and_its_vintage_stays(tmp_path):
    ministry = full(tmp_path)
    ministry.bring(FIRST, cases_csv=table("AB"))
    ministry.bring(SECOND, cases_csv=table("AB", skip=("A,2018,7,7",)))
    result = ministry.validate()
    assert count(result.tables, "A", 7) is None and count(result.tables, "B", 7) == 7
    assert count(result.tables, "A", 7, date(2018, 10, 16)) == 7
    found = the(result.issues, "withdrawn")
    assert found.level is Level.WARNING and found.place == "2018-10-23/cases.csv"
    assert found.message.startswith("1 weekly counts of 1 units") and found.message.endswith(": A")


def test_an_increment_leaves_what_it_does_not_send(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    ministry.bring(FIRST, cases_csv=table("AB"))
    ministry.bring(SECOND, cases_csv=table("A", skip=("A,2018,7,7",)))
    result = ministry.validate()
    assert count(result.tables, "A", 7) == 7 and count(result.tables, "B", 40) == 40
    assert len(result.tables.cases) == 80


def test_a_look_back_knows_nothing_of_a_later_withdrawal(tmp_path):
    ministry = full(tmp_path)
    ministry.bring(FIRST, cases_csv=table("AB"))
    ministry.bring(SECOND, cases_csv=table("A"))
    assert count(ministry.validate(only={FIRST}).tables, "B", 7) == 7
    assert count(ministry.validate().tables, "B", 7) is None


def test_a_unit_that_a_full_drop_lacks_is_withdrawn_and_counted_once(tmp_path):
    ministry = full(tmp_path)
    ministry.bring(FIRST, cases_csv=table("ABCDEFGHIJ"))
    ministry.bring(SECOND, cases_csv=table("ADEFGHIJ"))
    ministry.bring(THIRD, cases_csv=table("ADEFGHIJ"))
    result = ministry.validate()
    assert count(result.tables, "B", 1) is None and count(result.tables, "A", 1) == 1
    found = the(result.issues, "withdrawn")
    assert (found.place, found.rows) == ("2018-10-23/cases.csv", 80)
    assert found.message.startswith("80 weekly counts of 2 units") and "B, C" in found.message
    assert "increment" in found.fix
    assert not [i for i in result.issues if i.code in ("municipalities-gone", "revised-counts")]
    assert result.revised["cases"].isna().all() and len(result.revised) == 80


def test_what_lies_outside_a_full_file_s_own_span_stays(tmp_path):
    ministry = full(tmp_path)
    ministry.bring(FIRST, cases_csv=table("AB"))
    ministry.bring(SECOND, cases_csv=table("A", first=10, last=39))
    tables = ministry.validate().tables
    assert [count(tables, "B", w) for w in (9, 10, 39, 40)] == [9, None, None, 40]
    assert count(tables, "A", 40) == 40


def test_what_is_delivered_again_is_known_again(tmp_path):
    ministry = full(tmp_path)
    for day, units in ((FIRST, "AB"), (SECOND, "A"), (THIRD, "AB")):
        ministry.bring(day, cases_csv=table(units))
    tables = ministry.validate().tables
    assert count(tables, "B", 7) == 7 and count(tables, "B", 7, date(2018, 10, 23)) is None
    vintages = tables.cases.query(f"unit_id == 'B' and week_no == {CDC.number(2018, 7)}")
    assert vintages["received_date"].tolist() == [
        date.fromisoformat(d) for d in (FIRST, SECOND, THIRD)
    ]


def test_an_empty_cell_of_a_full_drop_is_withdrawn_as_well(tmp_path):
    ministry = full(tmp_path)
    ministry.bring(FIRST, cases_csv=table("AB"))
    ministry.bring(SECOND, cases_csv=table("AB").replace("A,2018,7,7\n", "A,2018,7,\n"))
    result = ministry.validate()
    assert count(result.tables, "A", 7) is None and the(result.issues, "withdrawn").rows == 1
    assert not [i for i in result.issues if i.code == "value-withdrawn"]


@pytest.mark.parametrize("bad", ["A,2018,7,x\n", "A,2018,7,8\nA,2018,7,9\n"])
def test_a_refused_record_of_a_full_drop_hides_no_earlier_good_value(tmp_path, bad):
    ministry = full(tmp_path)
    ministry.bring(FIRST, cases_csv=table("AB"))
    ministry.bring(SECOND, cases_csv=table("AB").replace("A,2018,7,7\n", bad))
    result = ministry.validate()
    assert count(result.tables, "A", 7) == 7 and len(result.quarantine)
    assert not [i for i in result.issues if i.code == "withdrawn"]


def test_a_full_drop_without_a_table_s_file_withdraws_nothing_of_it(tmp_path):
    ministry = full(tmp_path, CASES, RAIN, PEOPLE)
    rain = "unit,year,month,rainfall_mm\n" + "".join(
        f"{u},2018,{m},100\n" for u in "AB" for m in range(1, 9)
    )
    people = "unit,name,year,population\nA,North,2018,10000\nB,South,2018,20000\n"
    ministry.bring(FIRST, cases_csv=table("AB"), rain_csv=rain, people_csv=people)
    ministry.bring(SECOND, cases_csv=table("AB"))
    result = ministry.validate()
    assert len(result.tables.climate.dropna(subset=["rainfall_mm"])) == 16
    assert result.tables.units["population_2018"].tolist() == [10000, 20000]
    assert not [i for i in result.issues if i.code == "withdrawn"]


def test_climate_and_population_are_withdrawn_by_their_own_files(tmp_path):
    ministry = full(tmp_path, CASES, RAIN, PEOPLE)
    rain = "unit,year,month,rainfall_mm\n" + "".join(
        f"{u},2018,{m},100\n" for u in "AB" for m in range(1, 9)
    )
    people = "unit,name,year,population\nA,North,2018,10000\nB,South,2018,20000\n"
    ministry.bring(FIRST, cases_csv=table("AB"), rain_csv=rain, people_csv=people)
    later = {
        "rain_csv": rain.replace("B,2018,3,100\n", ""),
        "people_csv": people.replace("B,South,2018,20000\n", ""),
    }
    ministry.bring(SECOND, cases_csv=table("AB"), **later)
    result = ministry.validate()
    climate = result.tables.climate.query("unit_id == 'B' and month == 3")
    assert climate["rainfall_mm"].isna().all()
    units = result.tables.units.set_index("unit_id")
    assert pd.isna(units.loc["B", "population_2018"]) and units.loc["B", "name"] == "South"
    assert units.loc["A", "population_2018"] == 10000
    assert [i.place for i in result.issues if i.code == "withdrawn"] == [
        "2018-10-23/people.csv",
        "2018-10-23/rain.csv",
    ]


def test_in_a_full_line_list_an_absent_unit_week_is_zero_and_not_withdrawn(tmp_path):
    columns = {"unit": "place", "year": "year", "week": "week"}
    ministry = full(tmp_path, {"adapter": "line_list", "file": "cases.csv", "columns": columns})
    first = "place,year,week\n" + "".join(f"{u},2018,{w}\n" for u in "AB" for w in range(1, 41))
    second = "place,year,week\n" + "".join(f"A,2018,{w}\n" for w in range(20, 42))
    ministry.bring(FIRST, cases_csv=first)
    ministry.bring(SECOND, cases_csv=second)
    result = ministry.validate()
    assert [count(result.tables, "B", w) for w in (19, 20, 41)] == [1, 0, 0]
    assert not [i for i in result.issues if i.code == "withdrawn"]
