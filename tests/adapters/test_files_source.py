"""The source `files`: from a ministry's files to a drop, and from drops to clean tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml
from support.ministry import CASES, PEOPLE, RAIN, TABLE, Ministry, the

from pipelines.config import load_profile
from pipelines.contracts import Level
from pipelines.data.sources import context_of
from pipelines.data.tables import Tables, latest_cases
from pipelines.errors import ConfigError, DropError
from pipelines.weeks import CDC, ISO

PEOPLE_TABLE = "unit,year,population\nA,2018,1000\nB,2018,2000\n"


def test_five_lines_of_a_profile_read_a_long_table(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    ministry.drop(ministry.given(cases_csv=TABLE))
    result = ministry.validate()
    assert not result.critical and len(result.tables.cases) == 80
    assert result.quarantine.empty and result.tables.units["unit_id"].tolist() == ["A", "B"]


def test_a_single_file_for_a_single_input_may_have_any_name(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    folder = ministry.drop(ministry.given(Export2018_txt=TABLE))
    assert sorted(p.name for p in folder.iterdir()) == ["cases.csv", "drop.yaml"]
    assert (folder / "cases.csv").read_text() == TABLE


def test_several_files_go_by_their_names(tmp_path):
    ministry = Ministry(tmp_path, CASES, PEOPLE)
    with pytest.raises(DropError, match=r"missing: people\.csv; not expected: .*pop\.csv") as err:
        ministry.drop(ministry.given(cases_csv=TABLE, pop_csv=PEOPLE_TABLE))
    assert "cases.csv, people.csv" in err.value.fix
    assert not ministry.drops.is_dir() or not any(ministry.drops.iterdir())
    ministry.drop(ministry.given(people_csv=PEOPLE_TABLE, cases_csv=TABLE))
    units = ministry.validate().tables.units
    assert units["population_2018"].tolist() == [1000, 2000]


def test_an_optional_file_need_not_come_every_week(tmp_path):
    ministry = Ministry(tmp_path, CASES, PEOPLE | {"optional": True})
    ministry.drop(ministry.given(cases_csv=TABLE))
    assert not ministry.validate().critical


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("output_type,location\n1,2\n", "not-counts"),
        ("", "empty-file"),
        ("unit,year,week,cases\nA,2015,53,1\nA,2015,52,1\n", "other-numbering"),
        (b"%PDF-1.4", "unreadable-table"),
        ("unit,year,week,cases\nA,y,w,1\n", "nothing-read"),
    ],
)
def test_a_file_that_cannot_be_used_never_becomes_a_drop(tmp_path, content, says):
    ministry = Ministry(tmp_path, CASES)
    with pytest.raises(DropError, match=says) as err:
        ministry.drop(ministry.given(cases_csv=content))
    assert str(tmp_path / "cases.csv") in err.value.where and err.value.fix
    assert "remove the rejected drop" not in err.value.fix
    assert not ministry.drops.is_dir() or not any(ministry.drops.iterdir())


@pytest.mark.parametrize("files", [[], ["nowhere.csv"]])
def test_a_file_that_is_not_there_is_named(tmp_path, files):
    with pytest.raises(DropError):
        Ministry(tmp_path, CASES).drop([tmp_path / name for name in files])


def test_a_profile_without_inputs_says_how_to_declare_them(tmp_path):
    ministry = Ministry(tmp_path)
    with pytest.raises(DropError, match="inputs"):
        ministry.drop(ministry.given(cases_csv=TABLE))


def test_until_is_recorded_in_the_drop_and_later_weeks_are_not_read(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    folder = ministry.drop(ministry.given(cases_csv=TABLE), until="2018-w20")
    assert yaml.safe_load((folder / "drop.yaml").read_text())["until"] == "2018-w20"
    cases = ministry.validate().tables.cases
    assert CDC.week_label(cases["week_no"].max()) == "2018-w20" and len(cases) == 40


def test_drops_without_until_do_not_speak_of_it(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    assert "until" not in (ministry.drop(ministry.given(cases_csv=TABLE)) / "drop.yaml").read_text()


def test_an_until_that_the_calendar_does_not_have_is_refused(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    with pytest.raises(ConfigError, match="2018-w53"):
        ministry.drop(ministry.given(cases_csv=TABLE), until="2018-w53")


def test_a_unit_that_has_population_and_nowhere_cases_is_named_and_not_forecast(tmp_path):
    ministry = Ministry(tmp_path, CASES, PEOPLE)
    people = PEOPLE_TABLE + "C,2018,3000\n"
    ministry.drop(ministry.given(cases_csv=TABLE, people_csv=people))
    result = ministry.validate()
    lone = the(result.issues, "units-without-cases")
    assert lone.level is Level.WARNING and lone.message.endswith(": C")
    assert lone.place == "2018-12-04/people.csv row 4"
    assert result.tables.units["unit_id"].tolist() == ["A", "B"]


def test_a_unit_is_not_alone_if_an_earlier_drop_had_its_cases(tmp_path):
    ministry = Ministry(tmp_path, CASES, PEOPLE)
    ministry.drop(ministry.given(cases_csv=TABLE, people_csv=PEOPLE_TABLE))
    newest = "unit,year,week,cases\nA,2018,41,2\n"
    ministry.drop(ministry.given(cases_csv=newest, people_csv=PEOPLE_TABLE), "2018-12-11")
    result = ministry.validate()
    assert not [i for i in result.issues if i.code == "units-without-cases"]
    assert len(result.tables.cases) == 81


@pytest.mark.parametrize("short_in_people", [True, False])
def test_codes_with_and_without_check_digit_are_told(tmp_path, short_in_people):
    ministry = Ministry(tmp_path, CASES, PEOPLE)
    codes = ("3304557", "330455") if short_in_people else ("330455", "3304557")
    cases = TABLE.replace("A,", f"{codes[0]},").replace("B,", f"{codes[0][:-1]}9,")
    people = f"unit,year,population\n{codes[1]},2018,1000\n"
    ministry.drop(ministry.given(cases_csv=cases, people_csv=people))
    assert "330455 and 3304557" in the(ministry.validate().issues, "units-without-cases").fix


def test_one_table_with_codes_of_both_kinds_is_told(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    ministry.drop(
        ministry.given(cases_csv=TABLE.replace("A,", "3304557,").replace("B,", "330455,"))
    )
    found = the(ministry.validate().issues, "codes-of-two-lengths")
    assert "330455 and 3304557" in found.message and found.place == "2018-12-04/cases.csv"


def test_a_second_edition_of_one_day_goes_before_the_first(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    ministry.bring("2018-12-04", cases_csv=TABLE)
    folder = ministry.bring(
        "2018-12-04", edition=2, cases_csv="unit,year,week,cases\nA,2018,7,9\nC,2018,40,1\n"
    )
    assert folder.name == "2018-12-04.2"
    tables = ministry.validate().tables
    cases = latest_cases(tables).set_index(["unit_id", "week_no"])["cases"]
    assert cases["A", CDC.week_no("2018-w07")] == 9 and cases["C", CDC.week_no("2018-w40")] == 1
    saved = latest_cases(Tables.load(tables.save(tmp_path / "tables")))
    assert saved.set_index(["unit_id", "week_no"])["cases"].equals(cases)


def test_a_line_list_of_the_newest_weeks_gives_zeros_to_units_it_does_not_name(tmp_path):
    columns = {"unit": "place", "year": "year", "week": "week"}
    ministry = Ministry(tmp_path, {"adapter": "line_list", "file": "cases.csv", "columns": columns})
    first = "place,year,week\n" + "".join(f"{u},2018,{w}\n" for u in "AB" for w in range(1, 41))
    ministry.drop(ministry.given(cases_csv=first), "2018-10-15")
    ministry.drop(ministry.given(cases_csv="place,year,week\nA,2018,41\nA,2018,42\n"), "2018-10-22")
    result = ministry.validate()
    cases = latest_cases(result.tables).set_index(["unit_id", "week_no"])["cases"]
    assert cases["B", CDC.week_no("2018-w42")] == 0 and cases["A", CDC.week_no("2018-w42")] == 1
    assert not [i for i in result.issues if i.level in (Level.ERROR, Level.CRITICAL)]


def test_the_slowest_climate_input_says_when_a_month_can_be_had(tmp_path):
    rain = "unit,year,month,rainfall_mm\n" + "".join(
        f"{u},2018,{m},100\n" for u in "AB" for m in range(1, 11)
    )
    ministry = Ministry(tmp_path, CASES, RAIN)
    ministry.drop(ministry.given(cases_csv=TABLE, rain_csv=rain))
    climate = ministry.validate().tables.climate
    assert climate.loc[climate["month"] == 10, "available_date"].unique().tolist() == [
        date(2018, 11, 5)
    ]


def test_names_of_units_come_from_whichever_file_has_them(tmp_path):
    ministry = Ministry(tmp_path, CASES, PEOPLE)
    people = "unit,name,year,population\nA,North,2018,1000\nB,South,2018,2000\n"
    ministry.drop(ministry.given(cases_csv=TABLE, people_csv=people))
    assert ministry.validate().tables.units["name"].tolist() == ["North", "South"]


def test_refused_rows_are_quarantined_with_their_file_and_row(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    ministry.drop(ministry.given(cases_csv=TABLE + "A,2018,54,1\nB,2018,1,9\n"))
    quarantine = ministry.validate().quarantine
    assert quarantine[["file", "row"]].values.tolist() == [
        ["2018-12-04/cases.csv", r] for r in (42, 82, 83)
    ]
    assert "no week 54" in quarantine["reason"][1]


def test_a_thousands_point_in_an_english_table_is_quarantined(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    ministry.drop(ministry.given(cases_csv=TABLE.replace("A,2018,7,2", "A,2018,7,1.234")))
    result = ministry.validate()
    assert (
        the(result.issues, "thousands-separator").place
        == "2018-12-04/cases.csv row 8, column 'cases' (A)"
    )
    assert result.quarantine["value"].tolist() == ["1.234"]


def test_a_drop_that_lost_a_file_or_has_another_is_told(tmp_path):
    ministry = Ministry(tmp_path, CASES, PEOPLE)
    folder = ministry.drop(ministry.given(cases_csv=TABLE, people_csv=PEOPLE_TABLE))
    (folder / "people.csv").rename(folder / "other.csv")
    raw = ministry.raw()
    assert the(raw.issues, "missing-file").place == "2018-12-04/people.csv" and not raw.usable
    assert the(raw.issues, "unknown-file").place == "2018-12-04/other.csv"


def test_a_drop_read_without_its_profile_is_not_to_be_removed(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    ministry.drop(ministry.given(cases_csv=TABLE))
    ministry.context = context_of(load_profile("sample"))
    issue = the(ministry.validate().issues, "missing-table")
    assert "but cases.csv: another profile reads it" in issue.message
    assert "--profile NAME" in issue.fix and "remove" not in issue.fix


@pytest.mark.parametrize("other", ["unit", "year", "week"])
def test_a_column_that_is_counted_and_something_else_is_refused(tmp_path, other):
    columns = {"unit": "unit", "year": "year", "week": "week", "cases": other}
    ministry = Ministry(tmp_path, CASES | {"columns": columns})
    with pytest.raises(DropError, match=f"'{other}' is named as the cases and as the {other}"):
        ministry.drop(ministry.given(cases_csv=TABLE))


def test_a_place_with_iso_weeks_keeps_its_own_week_53(tmp_path):
    ministry = Ministry(tmp_path, CASES, calendar=ISO)
    table = "unit,year,week,cases\nA,2015,52,1\nA,2015,53,2\nA,2016,1,3\n"
    ministry.drop(ministry.given(cases_csv=table))
    weeks = ministry.validate().tables.cases["week_no"].tolist()
    assert [ISO.week_label(w) for w in weeks] == ["2015-w52", "2015-w53", "2016-w01"]


def test_a_file_of_which_too_much_is_refused_never_becomes_a_drop(tmp_path):
    ministry = Ministry(tmp_path, CASES)
    with pytest.raises(
        DropError, match=r"too-many-bad-rows.* 30 of 110.*no week 54.*30 times, first in row 82"
    ) as err:
        ministry.drop(ministry.given(cases_csv=TABLE + "A,2018,54,1\n" * 30))
    assert err.value.where.endswith("cases.csv row 82") and "week" in err.value.fix


PARENTS = {
    **CASES,
    "columns": {
        "unit": "unit",
        "parent": "province",
        "year": "year",
        "week": "week",
        "cases": "cases",
    },
}


def with_provinces(**province: str) -> str:
    """The table with a column of provinces."""
    head, *rows = TABLE.splitlines()
    return "\n".join([f"{head},province", *(f"{row},{province[row[0]]}" for row in rows)]) + "\n"


def test_units_that_no_file_places_have_no_such_column(home: Path) -> None:
    ministry = Ministry(home, CASES)
    ministry.drop(ministry.given(cases_csv=TABLE))
    assert list(ministry.validate().tables.units.columns) == ["unit_id", "name"]


def test_what_a_unit_lies_in_is_kept_where_a_file_tells_it(home: Path) -> None:
    ministry = Ministry(home, PARENTS)
    ministry.drop(ministry.given(cases_csv=with_provinces(A="North", B="")))
    tables = ministry.validate().tables
    for units in (tables.units, Tables.load(tables.save(home / "tables")).units):
        assert units["parent"].fillna("not told").tolist() == ["North", "not told"]


def test_a_unit_lies_where_the_newest_drop_that_tells_it_says(home: Path) -> None:
    ministry = Ministry(home, PARENTS)
    ministry.drop(ministry.given(cases_csv=with_provinces(A="North", B="North")))
    ministry.drop(ministry.given(cases_csv=with_provinces(A="South", B="")), day="2018-12-11")
    assert ministry.validate().tables.units["parent"].tolist() == ["South", "North"]
