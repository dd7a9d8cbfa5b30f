"""Tried wrong, weeks and dates: other calendars, week 54, swapped days and months, the future."""

from __future__ import annotations

from datetime import date

import pytest
from support.adapter_kit import read, refusals, stopped, the, weekly

from pipelines.weeks import CDC, ISO, Calendar


def long(*rows: str, header: str = "unit,year,week,cases") -> str:
    return "\n".join([header, *rows]) + "\n"


def years(calendar: Calendar, first: int, last: int) -> list[str]:
    return [
        f"A,{y},{w},1"
        for y in range(first, last + 1)
        for w in range(1, calendar.weeks_in_year(y) + 1)
    ]


@pytest.mark.parametrize(
    ("table", "declared", "says", "fix"),
    [
        (ISO, CDC, "ISO weeks: it has a week 53 in 2015", "numbering: iso"),
        (CDC, ISO, "CDC weeks: it has a week 53 in 2014", "numbering: cdc"),
    ],
)
def test_a_week_53_of_the_other_numbering_stops_the_file(tmp_path, table, declared, says, fix):
    content = long(*years(table, 2013, 2016))
    found = stopped(read(tmp_path, content, calendar=declared), "other-numbering")
    assert says in found.message and fix in found.fix
    assert len(weekly(read(tmp_path, content, calendar=table), table)) == len(
        years(table, 2013, 2016)
    )


def test_a_week_53_that_is_skipped_stops_the_file(tmp_path):
    """ISO weeks 2018-2026: 2020 has a week 53 in both, 2025 only with the CDC, and it is
    not there."""
    content = long(*years(ISO, 2018, 2025), *(f"A,2026,{w},1" for w in range(1, 30)))
    found = stopped(read(tmp_path, content), "other-numbering")
    assert "a week 53 in 2020 and none in 2025" in found.message
    reading = read(tmp_path, content, options={"week_53": "as_declared"})
    assert refusals(reading) == [] and ("A", "2026-w20") in weekly(reading)


def test_a_week_54_is_refused_and_a_week_53_of_no_numbering_too(tmp_path):
    reading = read(tmp_path, long("A,2018,52,1", "A,2018,53,2", "A,2018,54,3", "A,2018,0,4"))
    assert refusals(reading) == [(3, "no-such-week"), (4, "no-such-week"), (5, "no-such-week")]
    assert "2018 has no week 54" in reading.refused["detail"][1]
    assert weekly(reading) == {("A", "2018-w52"): 1.0}


@pytest.mark.parametrize(
    "text", ["2018-W05", "2018W5", "201805", "2018-w05", "2018/w05", "2018-SE05", "2018SE5"]
)
def test_texts_of_weeks(tmp_path, text):
    assert weekly(read(tmp_path, long(f"A,{text},7", header="unit,week,cases"))) == {
        ("A", "2018-w05"): 7.0
    }


@pytest.mark.parametrize("text", ["2018-05", "W05", "5", "2018-01-05", "18W05"])
def test_texts_that_may_be_something_else_are_refused(tmp_path, text):
    reading = read(tmp_path, long(f"A,{text},7", "A,2018-W06,1", header="unit,week,cases"))
    assert refusals(reading) == [(2, "not-a-week")]


def test_months_under_the_name_of_weeks_stop_the_file(tmp_path):
    rows = [f"A,{y}{m:02d},1" for y in (2018, 2019) for m in range(1, 13)]
    found = stopped(read(tmp_path, long(*rows, header="unit,week,cases")), "months-not-weeks")
    assert "201801" in found.message


@pytest.mark.parametrize(("day", "week"), [("2018-01-07", "2018-w02"), ("2018-01-13", "2018-w02")])
def test_a_date_may_be_a_weeks_first_or_last_day(tmp_path, day, week):
    assert weekly(read(tmp_path, long(f"A,{day},7", header="unit,date,cases"))) == {
        ("A", week): 7.0
    }


def test_first_days_of_another_calendar_stop_the_file(tmp_path):
    rows = [f"A,2018-01-{d:02d},1" for d in (1, 8, 15, 22, 29)]
    content = long(*rows, header="unit,start,cases")
    found = stopped(read(tmp_path, content), "other-week-days")
    assert "Monday" in found.message and "{numbering: iso}" in found.fix
    assert ("A", "2018-w05") in weekly(read(tmp_path, content, calendar=ISO), ISO)


def test_two_calendars_in_one_table_stop_the_file(tmp_path):
    rows = [f"A,2018-01-{d:02d},1" for d in (7, 14, 22, 29)]
    found = stopped(read(tmp_path, long(*rows, header="unit,start,cases")), "mixed-calendars")
    assert "rows 2 and 4" in found.message


def test_one_date_on_another_weekday_is_refused_alone(tmp_path):
    first = [f"A,{date.fromordinal(date(2018, 1, 7).toordinal() + 7 * i)},1" for i in range(40)]
    reading = read(tmp_path, long(*first, "A,2018-11-12,1", header="unit,start,cases"))
    assert refusals(reading) == [(42, "not-a-week-day")] and len(weekly(reading)) == 40


def test_daily_counts_name_the_adapter_that_adds_them_up(tmp_path):
    rows = [f"A,2018-01-{d:02d},1" for d in range(1, 29)]
    assert (
        "line_list"
        in stopped(read(tmp_path, long(*rows, header="unit,date,cases")), "daily-dates").fix
    )


def test_a_period_that_is_no_week_is_refused(tmp_path):
    rows = ("A,2018-01-07,2018-01-13,1", "A,2018-01-14,2018-02-10,4")
    reading = read(tmp_path, long(*rows, header="unit,start,end,cases"))
    assert refusals(reading) == [(3, "not-one-week")] and weekly(reading) == {
        ("A", "2018-w02"): 1.0
    }


def test_an_ambiguous_order_must_be_declared(tmp_path):
    content = long("A,03/06/2018,1", "A,10/06/2018,2", header="unit,start,cases")
    found = stopped(read(tmp_path, content), "date-order")
    assert (
        "'03/06/2018'" in found.message
        and found.place.endswith("row 2")
        and "dates: dmy" in found.fix
    )
    assert weekly(read(tmp_path, content, dates="dmy")) == {
        ("A", "2018-w23"): 1.0,
        ("A", "2018-w24"): 2.0,
    }


def test_an_order_that_shows_itself_is_still_declared_by_a_person(tmp_path):
    content = long("A,03/06/2018,1", "A,17/06/2018,2", header="unit,start,cases")
    found = stopped(read(tmp_path, content), "date-order")
    assert "'17/06/2018' shows that it is dmy" in found.message and found.fix.startswith(
        "declare `dates: dmy`"
    )


def test_day_and_month_swapped_stop_the_file_where_they_are_many(tmp_path):
    content = long("A,03/06/2018,1", "A,06/17/2018,2", header="unit,start,cases")
    found = stopped(read(tmp_path, content, dates="dmy"), "two-date-formats")
    assert found.place.endswith("row 3") and "2021-12-25" in found.fix


def test_one_swapped_date_among_many_is_refused_and_the_rest_doubted(tmp_path):
    rows = [f"A{i},17/06/2018,1" for i in range(200)]
    reading = read(tmp_path, long(*rows, "B,06/17/2018,2", header="unit,start,cases"), dates="dmy")
    assert refusals(reading) == [(202, "day-month-swapped")]
    assert the(reading, "day-month-swapped").place.endswith("row 202")


def test_two_formats_in_a_column_are_named_with_their_rows(tmp_path):
    content = long("A,2018-06-03,1", "A,10/06/2018,2", header="unit,start,cases")
    found = stopped(read(tmp_path, content), "two-date-formats")
    assert "rows 2 and 3" in found.message
    other = long("A,10/06/2018,2", "A,2018-06-03,1", header="unit,start,cases")
    assert "rows 2 and 3" in stopped(read(tmp_path, other), "two-date-formats").message


def test_one_date_in_another_format_is_refused(tmp_path):
    rows = [f"A{i},2018-06-03,1" for i in range(200)]
    reading = read(tmp_path, long(*rows, "B,03/06/2018,2", header="unit,start,cases"))
    assert refusals(reading) == [(202, "other-date-format")]


@pytest.mark.parametrize("day", ["2018-02-30", "13466", "03/06/18", "yesterday"])
def test_what_is_no_day_is_refused(tmp_path, day):
    reading = read(tmp_path, long("A,2018-01-07,1", f"B,{day},2", header="unit,start,cases"))
    assert refusals(reading) == [(3, "not-a-date")]


def test_a_spreadsheets_number_of_a_day_is_named_and_never_read(tmp_path):
    """43107 is 2018-01-07 in one of Excel's two calendars and four years later in the other."""
    reading = read(
        tmp_path, long("A,2018-01-07,1", "B,43107,2", "B,43114.0,2", header="unit,start,cases")
    )
    assert refusals(reading) == [(3, "serial-date"), (4, "serial-date")]
    assert "format the column as dates" in reading.refused["fix"][0]


@pytest.mark.parametrize("text", ["2017-18", "2017/18", "2017-2018", "2017 - 18"])
def test_a_season_is_no_year(tmp_path, text):
    reading = read(tmp_path, long("A,2018,1,1", f"A,{text},50,2"))
    assert refusals(reading) == [(3, "season-not-year")]
    assert "calendar year that each week belongs to" in reading.refused["fix"][0]


def test_what_stops_a_whole_file_shows_a_value_with_its_own_row_and_fix(tmp_path):
    found = stopped(
        read(tmp_path, long("A,2018,60,1", "A,2017-18,1,2", "A,2017-18,2,2")), "nothing-read"
    )
    assert "'2017-18'" in found.message and found.place.endswith("row 3")
    assert found.fix.startswith("name the calendar year")


def of_units(units: str, calendar: Calendar, first: int, last: int) -> list[str]:
    return [row.replace("A,", f"{u},") for u in units for row in years(calendar, first, last)]


def test_units_that_number_their_weeks_differently_stop_the_file(tmp_path):
    content = long(*of_units("AB", CDC, 2013, 2016), *of_units("CD", ISO, 2013, 2016))
    for declared in (CDC, ISO):
        found = stopped(read(tmp_path, content, calendar=declared), "mixed-calendars")
        assert "2 units such as A have a week 53 in 2014, as only CDC weeks" in found.message
        assert "2 units such as C have a week 53 in 2015, as only ISO weeks" in found.message
        assert found.place.endswith("row 576") and "in one numbering" in found.fix
    reading = read(tmp_path, content, options={"week_53": "as_declared"})
    assert refusals(reading) == [(576, "no-such-week"), (785, "no-such-week")]


def test_one_wrong_week_53_among_many_units_is_a_single_error(tmp_path):
    content = long(*of_units("ABCDEFGHIJK", CDC, 2013, 2016), "Z,2015,53,1")
    assert refusals(read(tmp_path, content)) == [(2301, "no-such-week")]


def test_units_that_skip_a_week_53_which_others_have_are_named(tmp_path):
    """Nothing proves it: perhaps they only did not report that week."""
    content = long(*of_units("ABC", CDC, 2013, 2015), *of_units("D", ISO, 2013, 2014), "D,2015,1,1")
    reading = read(tmp_path, content)
    found = the(reading, "week-53-of-some")
    assert found.message.startswith("1 units have no week 53 of 2014, which 3 others have: D")
    assert found.place.endswith("row 577") and found.period == "2014-w53" and found.fix
    sparse = [row for row in of_units("D", ISO, 2013, 2014) if ",2013," in row or ",2," in row]
    assert not read(tmp_path, long(*of_units("ABC", CDC, 2013, 2015), *sparse, "D,2015,1,1")).issues


def test_weeks_that_had_not_ended_are_left_out_and_said(tmp_path):
    content = long("A,2018,1,1", "A,2018,2,2", "A,2018,3,")
    reading = read(tmp_path, content, received=date(2018, 1, 12))
    assert weekly(reading) == {("A", "2018-w01"): 1.0}
    found = the(reading, "week-not-ended")
    assert (
        found.place.endswith("row 3")
        and found.period == "2018-w02..2018-w02"
        and "--until" in found.fix
    )
    assert len(weekly(read(tmp_path, content, received=date(2018, 1, 13)))) == 2


def test_until_leaves_later_weeks_and_populations_out(tmp_path):
    rows = [f"A,{y},{w},1,{y}00" for y in (2018, 2019) for w in range(1, 53)]
    reading = read(
        tmp_path, long(*rows, header="unit,year,week,cases,population"), until="2018-w40"
    )
    assert max(weekly(reading)) == ("A", "2018-w40")
    assert set(reading.cells.loc[reading.cells["kind"] == "population", "clean"]) == {
        "population_2018"
    }
