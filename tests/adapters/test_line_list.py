"""Line lists: what counts, which weeks are whole, what is 0, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest
from support.adapter_kit import read, refusals, stopped, the, weekly

HEADER = "place,onset,report,class,age\n"
LIST = (
    HEADER
    + "A,2018-01-07,2018-01-09,1,35109\n"  # w02
    + "A,2018-01-13,2018-01-22,1,4\n"  # w02, reported in w04
    + "B,2018-01-20,2018-01-20,1,5\n"  # w03
    + "C,2018-01-24,2018-02-03,5,6\n"  # w04, discarded; reported on the Saturday of w05
)
COLUMNS = {"unit": "place", "onset": "onset", "reported": "report"}
HOW = {"adapter": "line_list", "columns": COLUMNS}


def test_units_and_weeks_are_set_before_rules_leave_records_out(tmp_path):
    """The discarded record shows that C reports, and that the file goes to the end of w05."""
    got = weekly(read(tmp_path, LIST, **HOW, leave_out={"class": ("5",)}))
    assert got == {
        ("A", "2018-w02"): 2.0,
        ("A", "2018-w03"): 0.0,
        ("A", "2018-w04"): 0.0,
        ("A", "2018-w05"): 0.0,
        ("B", "2018-w02"): 0.0,
        ("B", "2018-w03"): 1.0,
        ("B", "2018-w04"): 0.0,
        ("B", "2018-w05"): 0.0,
        ("C", "2018-w02"): 0.0,
        ("C", "2018-w03"): 0.0,
        ("C", "2018-w04"): 0.0,
        ("C", "2018-w05"): 0.0,
    }


def test_keep_counts_only_what_it_names(tmp_path):
    got = weekly(read(tmp_path, LIST, **HOW, keep={"class": ("5",)}))
    assert {key for key, n in got.items() if n} == {("C", "2018-w04")}


def test_a_rule_that_matches_nothing_is_said(tmp_path):
    reading = read(tmp_path, LIST, **HOW, leave_out={"class": ("discarded",)})
    assert "'discarded'" in the(reading, "rule-matches-nothing").message


def test_a_rule_about_an_absent_column_stops_the_file(tmp_path):
    assert stopped(read(tmp_path, LIST, **HOW, leave_out={"klass": ("5",)}), "missing-column")


def test_a_week_that_the_file_does_not_hold_whole_is_not_counted(tmp_path):
    content = LIST + "A,2018-02-06,2018-02-06,1,7\n"  # a Tuesday of w06
    reading = read(tmp_path, content, **HOW)
    assert max(week for _, week in weekly(reading)) == "2018-w05"
    assert the(reading, "week-not-whole").rows == 1


def test_future_and_missing_dates_are_refused_with_row_and_reason(tmp_path):
    content = LIST + "A,2031-01-01,,1,7\nA,\\N,2018-01-22,1,8\nB,2018-02-31,,1,9\n"
    reading = read(tmp_path, content, **HOW)
    assert refusals(reading) == [(6, "future-date"), (7, "no-onset"), (8, "not-a-date")]
    assert reading.n_received == 7 and weekly(reading)["A", "2018-w02"] == 2


def test_a_date_far_before_all_others_does_not_open_a_century_of_zeros(tmp_path):
    reading = read(tmp_path, LIST + "A,1918-01-07,,1,7\n", **HOW)
    assert refusals(reading) == [(6, "lonely-date")] and len(weekly(reading)) == 12


def test_delays_are_counts_by_unit_week_and_weeks_until_the_report(tmp_path):
    delays = read(tmp_path, LIST, **HOW, leave_out={"class": ("5",)}).delays
    assert delays is not None and list(delays.columns) == [
        "unit_id",
        "week_no",
        "delay_weeks",
        "cases",
    ]
    first = delays["week_no"].min()
    assert delays.drop(columns="week_no").assign(w=delays["week_no"] - first).values.tolist() == [
        ["A", 0, 1.0, 0],
        ["A", 2, 1.0, 0],
        ["B", 0, 1.0, 1],
    ]


def test_a_report_before_the_onset_has_no_delay_and_is_still_a_case(tmp_path):
    reading = read(tmp_path, LIST + "A,2018-01-21,2018-01-02,1,7\n", **HOW)
    assert the(reading, "reported-before-onset").place.endswith("row 6")
    assert weekly(reading)["A", "2018-w04"] == 1 and reading.delays["cases"].sum() == 4


def test_a_bad_report_date_does_not_cost_the_case(tmp_path):
    reading = read(tmp_path, LIST + "A,2018-01-21,soon,1,7\n", **HOW)
    assert refusals(reading) == [(6, "not-a-date")] and weekly(reading)["A", "2018-w04"] == 1


def test_until_cuts_the_weeks(tmp_path):
    got = weekly(read(tmp_path, LIST, **HOW, until="2018-w03"))
    assert {week for _, week in got} == {"2018-w02", "2018-w03"}


def test_year_and_week_end_with_the_last_week_that_had_ended_on_receipt(tmp_path):
    content = "place,year,week\nA,2018,1\nA,2018,3\nB,2018,4\nB,2019,30\n"
    columns = {"unit": "place", "year": "year", "week": "week"}
    reading = read(
        tmp_path, content, received=date(2018, 1, 25), adapter="line_list", columns=columns
    )
    assert max(week for _, week in weekly(reading)) == "2018-w03"
    assert refusals(reading) == [(5, "future-date")]


def test_a_column_of_counts_is_added_up(tmp_path):
    content = "place,day,n\nA,2018-01-07,2\nA,2018-01-08,3\nA,2018-01-13,0\nA,2018-01-12,x\n"
    columns = {"unit": "place", "onset": "day", "cases": "n"}
    reading = read(tmp_path, content, adapter="line_list", columns=columns)
    assert weekly(reading) == {("A", "2018-w02"): 5.0} and refusals(reading) == [
        (5, "text-in-number")
    ]


def test_weeks_of_the_other_numbering_stop_a_line_list_too(tmp_path):
    rows = [f"A,{y},{w}" for y in (2014, 2015) for w in range(1, 54) if (y, w) != (2014, 53)]
    content = "\n".join(["place,year,week", *rows]) + "\n"
    columns = {"unit": "place", "year": "year", "week": "week"}
    assert stopped(read(tmp_path, content, adapter="line_list", columns=columns), "other-numbering")


CODED = (
    HEADER
    + "A,2018-01-07,2018-01-09,A97.0,1\n"
    + "A,2018-01-13,2018-01-14,A90,4\n"
    + "B,2018-01-20,2018-01-20,A91X,5\n"
    + "B,2018-01-26,2018-02-03,A92.0,6\n"  # chikungunya
)


def test_dengue_by_another_code_than_the_kept_ones_is_named_and_does_not_count(tmp_path):
    reading = read(tmp_path, CODED, **HOW, keep={"class": ("A97.0",)})
    told = the(reading, "dengue-left-out")
    assert told.rows == 2 and "A90 (1), A91X (1)" in told.message
    assert "keep: {class: [A97.0, A90, A91X]}" in told.fix
    assert sum(weekly(reading).values()) == 1


def test_dengue_that_a_rule_leaves_out_by_name_is_not_doubted(tmp_path):
    rules = {"keep": {"class": ("A97.0",)}, "leave_out": {"class": ("A90", "A91X")}}
    reading = read(tmp_path, CODED, **HOW, **rules)
    assert "dengue-left-out" not in {issue.code for issue in reading.issues}
    assert sum(weekly(reading).values()) == 1


@pytest.mark.parametrize("kept", [("A97.0", "A90", "A91X"), ("A92.0",)])
def test_a_rule_that_keeps_all_codes_of_dengue_or_none_is_not_doubted(tmp_path, kept):
    reading = read(tmp_path, CODED, **HOW, keep={"class": kept})
    assert "dengue-left-out" not in {issue.code for issue in reading.issues}
