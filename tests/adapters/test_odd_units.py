"""Tried wrong, the units: one place written in two ways, sums, codes that a spreadsheet spoilt, the
newest weeks.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.adapter_kit import read, refusals, weekly
from support.ministry import CASES, PEOPLE, TABLE, Ministry

from pipelines.codes import TextCodes
from pipelines.contracts import Issue, Level
from pipelines.data.odd_units import no_places, odd_units
from pipelines.data.scenes import SCENE_COLUMNS
from pipelines.data.validate import validate_drops

RAIN = {"table": "climate", "adapter": "series", "file": "rain.csv", "optional": True}


def found(
    home: Path, code: str, *drops: dict[str, str], inputs: tuple[dict[str, Any], ...] = (CASES,)
) -> list[Issue]:
    """Issues of this code after these drops, a week apart."""
    ministry = Ministry(home, *inputs)
    for at, files in enumerate(drops):
        ministry.drop(ministry.given(**files), f"2018-12-{4 + 7 * at:02d}")
    return [i for i in ministry.validate().issues if i.code == code]


def named(a: str, b: str) -> str:
    return TABLE.replace("A,", f"{a},").replace("B,", f"{b},")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Bogotá", "Bogota"),
        ("MEDELLIN", "Medellín"),
        ("San Juan", "san-juan"),
        ("St. Ana", "St Ana"),
    ],
)
def test_a_place_written_in_two_ways_is_told(tmp_path, a, b):
    (alike,) = found(tmp_path, "units-alike", {"cases_csv": named(a, b)})
    assert alike.level is Level.WARNING and alike.place == "2018-12-04/cases.csv row 42"
    assert repr(a) in alike.message and repr(b) in alike.message and "one way" in alike.fix


@pytest.mark.parametrize(
    ("a", "b"), [("กี", "กิ"), ("1-11", "11-1"), ("North 1", "North 11"), ("東", "西"), ("-", "_")]
)
def test_other_places_are_not_taken_as_one(tmp_path, a, b):
    assert not found(tmp_path, "units-alike", {"cases_csv": named(a, b)})


def test_a_place_written_otherwise_in_another_file_or_drop_is_told(tmp_path):
    people = "unit,year,population\nBogota,2018,1000\nCali,2018,2000\n"
    files = {"cases_csv": named("Bogotá", "Cali"), "people_csv": people}
    (beside,) = found(tmp_path, "units-alike", files, inputs=(CASES, PEOPLE))
    assert beside.place == "2018-12-04/people.csv row 2"


def test_a_unit_of_the_accepted_version_is_compared_with_a_lone_drop(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    ministry.drop(ministry.given(cases_csv=named("Bogota", "5002")))
    issues = odd_units([ministry.raw()], ["Bogotá", "05002"])
    assert [(i.code, i.place) for i in issues] == [
        ("units-alike", "2018-12-04/cases.csv row 2"),
        ("zeros-lost", "2018-12-04/cases.csv row 42"),
    ]


def test_two_ways_to_write_an_accent_are_one_code(tmp_path):
    two = unicodedata.normalize("NFD", "Bogotá")
    assert two != "Bogotá" and TextCodes().normalise(two) == "Bogotá"


def test_zeros_lost_in_a_later_drop_are_told(tmp_path):
    later = "unit,year,week,cases\n1001,2018,41,2\n5002,2018,41,2\n"
    (lost,) = found(
        tmp_path, "zeros-lost", {"cases_csv": named("01001", "05002")}, {"cases_csv": later}
    )
    assert "2 codes" in lost.message and "'01001' and '1001'" in lost.message
    assert lost.place == "2018-12-11/cases.csv row 2" and "pad_to" in lost.fix


@pytest.mark.parametrize(
    "name", ["Total", "GRAND TOTAL", "Loreto/Subtotal", "Desconocido", "sin dato"]
)
def test_a_sum_or_an_unknown_place_that_would_be_a_unit_is_told(tmp_path, name):
    (odd,) = found(tmp_path, "no-place", {"cases_csv": named("A", name)})
    assert repr(name) in odd.message and odd.place == "2018-12-04/cases.csv row 42"
    assert f"leave_out: {{unit: [{name}]}}" in odd.fix


def test_names_that_only_begin_like_a_sum_are_places():
    assert no_places(["Totalán", "Totota", "Sumapaz", "Unknownville"]) == []


@pytest.mark.parametrize("code", ["1,001E+10", "1.001E+10", "1E+10", "3,3e+06"])
def test_a_code_that_a_spreadsheet_made_a_number_of_is_refused(tmp_path, code):
    content = f"unit;year;week;cases\n{code};2018;1;3\nB;2018;1;0\n"
    reading = read(tmp_path, content)
    assert refusals(reading) == [(2, "code-as-number")] and {u for u, _ in weekly(reading)} == {"B"}
    assert "as text" in reading.refused["fix"][0] and reading.refused["value"][0] == code


@pytest.mark.parametrize("code", ["1E5", "E+10", "5E12", "A1E+10"])
def test_a_code_that_only_looks_like_one_is_a_code(tmp_path, code):
    assert refusals(read(tmp_path, f"unit;year;week;cases\n{code};2018;1;3\n")) == []


def test_newest_weeks_that_are_there_and_empty_are_told(tmp_path):
    empty = "".join(f"{u},2018,{w},\n" for u in "AB" for w in (41, 42, 43))
    (issue,) = found(tmp_path, "newest-weeks-empty", {"cases_csv": TABLE + empty})
    assert issue.message == "3 weeks are there without any count; the newest week is 2018-w40"
    assert issue.place == "2018-12-04/cases.csv row 82" and issue.period == "2018-w41..2018-w43"
    one = TABLE + "A,2018,41,\nB,2018,41,3\n"
    other = tmp_path / "other"
    other.mkdir()
    assert not found(other, "newest-weeks-empty", {"cases_csv": one})


def test_climate_that_ended_long_before_the_counts_and_units_without_any_are_told(tmp_path):
    rain = "unit,year,month,rainfall_mm\n" + "".join(f"A,2017,{m},100\n" for m in range(1, 11))
    files = {"cases_csv": TABLE, "rain_csv": rain}
    ministry = Ministry(tmp_path, CASES, RAIN)
    ministry.drop(ministry.given(**files))
    issues = ministry.validate().issues
    (ended,) = [i for i in issues if i.code == "climate-ended"]
    assert "ended with 2017-10, 11 months before" in ended.message
    assert ended.place == "2018-12-04/rain.csv row 11" and "newer months" in ended.fix
    (without,) = [i for i in issues if i.code == "no-climate"]
    assert without.place == "B"


def test_a_drop_checked_alone_names_units_of_the_accepted_version_that_it_lacks(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    ministry.drop(ministry.given(cases_csv=TABLE))
    accepted = ministry.validate().tables
    ministry.drop(ministry.given(cases_csv="unit,year,week,cases\nA,2018,41,2\n"), "2018-12-11")
    scenes = pd.DataFrame(columns=list(SCENE_COLUMNS))
    result = validate_drops([ministry.raw()], scenes, ministry.context, accepted, tmp_path / "out")
    (issue,) = [i for i in result.issues if i.code == "municipalities-gone"]
    assert issue.message.endswith(": B") and issue.place == "2018-12-11/cases.csv"
