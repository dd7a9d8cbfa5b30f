"""What onboarding finds by itself in invented tables."""

from __future__ import annotations

import openpyxl
import pytest
from support.onboarding import IN_A_PIPE, Heard, counts, csv, note_of, onboarded

from pipelines.errors import ConfigError, DropError
from pipelines.onboard.answers import RuleAnswers
from pipelines.weeks import CDC, ISO

SHORT = ("2022-w01", "2026-w45")  # five years: the rule that rolls, and years to judge


def test_an_iso_table_is_known_by_its_week_53(tmp_path):
    rows = counts("2019-w01", "2026-w45", calendar=ISO)
    made = onboarded(csv(tmp_path / "c.csv", rows))
    assert made.profile.calendar == ISO
    assert "week 53 in 2020" in note_of(made, "weeks")
    assert "7 complete years (2019..2025)" in note_of(made, "history")
    assert made.findings.test_year_choice.years == (2022, 2023, 2024, 2025)
    assert (made.findings.test_year_choice.blocks, made.findings.test_year_choice.serves) == (
        16,
        "a champion",
    )
    assert "labels:" not in made.text  # the rolling quantile is the default


def test_days_tell_the_calendar(tmp_path):
    rows = counts("2024-w01", "2026-w45", calendar=ISO)
    dated = [(u, ISO.week_start(ISO.number(y, w)), n) for u, y, w, n in rows]
    made = onboarded(csv(tmp_path / "c.csv", dated, "district,week_start,cases"))
    assert made.profile.calendar == ISO and "Monday" in note_of(made, "weeks")


def test_dates_day_first_are_known_by_a_day_beyond_12(tmp_path):
    rows = counts("2024-w01", "2026-w45")
    dated = [(u, f"{CDC.week_start(CDC.number(y, w)):%d/%m/%Y}", n) for u, y, w, n in rows]
    made = onboarded(csv(tmp_path / "c.csv", dated, "district,date_start,cases"))
    assert made.profile.data.inputs[0].dates == "dmy"
    assert made.profile.calendar == CDC


def test_counts_by_day_are_added_up(tmp_path):
    days = [("A", f"2024-{m:02d}-{d:02d}", d % 5) for m in range(1, 13) for d in range(1, 29)]
    made = onboarded(csv(tmp_path / "c.csv", days, "district,date,cases"))
    entry = made.profile.data.inputs[0]
    assert (entry.adapter, entry.columns["onset"], entry.columns["cases"]) == (
        "line_list",
        "date",
        "cases",
    )


def test_thousands_with_a_point_are_thousands(tmp_path):
    rows = [(u, y, w, f"1.{n:03d}" if n < 1000 else n) for u, y, w, n in counts(*SHORT)]
    made = onboarded(csv(tmp_path / "c.csv", rows, "district;year;week;cases"), numbering="cdc")
    assert made.profile.data.inputs[0].decimal == ","
    assert "thousands" in note_of(made, "c.csv") and "semicolons" in note_of(made, "c.csv")
    assert made.findings.test_year_choice.serves != "nothing"


def test_semicolons_decimal_commas_and_footers(tmp_path):
    rows = [(u, y, w, n, f"{20 + w / 10:.1f}".replace(".", ",")) for u, y, w, n in counts(*SHORT)]
    file = csv(
        tmp_path / "c.csv",
        rows,
        "district;year;week;cases;temp_mean_c",
        "Total;;;99;\nFuente: Ministerio\n",
    )
    made = onboarded(file, numbering="cdc")
    assert "notes" in note_of(made, "checks")
    assert "climate of 3 units" in note_of(made, "climate")


def test_climate_that_ended_a_year_ago_and_units_of_one_file_are_named(tmp_path):
    cases = csv(tmp_path / "cases.csv", counts(*SHORT))
    climate = csv(
        tmp_path / "climate.csv",
        [(u, y, m, 25) for u in "ABX" for y in (2022, 2023, 2024) for m in range(1, 13)],
        "district,year,month,temp_mean_c",
    )
    made = onboarded(cases, climate, numbering="cdc")
    assert "WARNING: the climate ended with 2024-12, 22 months before" in note_of(made, "climate")
    assert "1 units stand in cases.csv only: C" in note_of(made, "units")
    assert "1 units stand in climate.csv only: X" in note_of(made, "units")
    assert [i.optional for i in made.profile.data.inputs] == [False, True]


def test_codes_with_and_without_check_digit_are_named(tmp_path):
    rows = counts(*SHORT, units=("330455", "3304557", "330010"))
    made = onboarded(csv(tmp_path / "c.csv", rows), numbering="cdc")
    assert "330455 and 3304557" in note_of(made, "units")


def test_a_code_pattern_is_proposed_when_all_codes_share_it(tmp_path):
    made = onboarded(
        csv(tmp_path / "c.csv", counts(*SHORT, units=("VN-HN-01", "VN-HC-12"))), numbering="cdc"
    )
    assert "[A-Z]{2}-[A-Z]{2}-[0-9]{2}" in made.text
    assert made.profile.place.codes.pattern is None  # proposed, never set


def test_forty_weeks_say_what_is_missing(tmp_path):
    made = onboarded(csv(tmp_path / "c.csv", counts("2026-w01", "2026-w40")), numbering="cdc")
    assert made.findings.test_year_choice.serves == "nothing"
    assert "in 40 weeks of history" in note_of(made, "judging")


def test_one_unit_is_enough(tmp_path):
    made = onboarded(csv(tmp_path / "c.csv", counts(*SHORT, units=("A",))), numbering="cdc")
    assert made.findings.test_year_choice.serves == "provisional"


def test_one_class_only_is_said(tmp_path):
    rows = [(u, y, w, 20) for u, y, w, _ in counts(*SHORT)]
    made = onboarded(csv(tmp_path / "c.csv", rows), numbering="cdc")
    assert "one class only" in note_of(made, "judging")


def test_a_short_history_gets_a_rule_of_fixed_years(tmp_path):
    made = onboarded(csv(tmp_path / "c.csv", counts("2023-w01", "2025-w52")), numbering="cdc")
    assert made.profile.labels.rule.kind == "quantile"
    assert made.profile.labels.rule.reference == ("2023-w01", "2023-w52")


def test_where_most_thresholds_are_0_a_floor_is_proposed(tmp_path):
    rows = [(u, y, w, n if w % 13 in (1, 2) else 0) for u, y, w, n in counts(*SHORT, level=60)]
    made = onboarded(csv(tmp_path / "c.csv", rows), numbering="cdc")
    assert made.profile.labels.rule.floor_cases == 3


def test_newest_weeks_that_are_still_filling_are_proposed_as_unknown(tmp_path):
    rows = counts(*SHORT, level=100)
    cut = [(u, y, w, n // 10 if (y, w) >= (2026, 44) else n) for u, y, w, n in rows]
    heard = Heard()
    made = onboarded(csv(tmp_path / "c.csv", cut), numbering="cdc", heard=heard)
    assert made.profile.data.maturity.weeks == 2
    assert "2026-w45" in note_of(made, "newest weeks")
    with pytest.raises(ConfigError, match=r"--maturity VALUE .proposed: --maturity 2"):
        onboarded(tmp_path / "c.csv", numbering="cdc", ask=IN_A_PIPE, rule=RuleAnswers("quantile"))


@pytest.mark.parametrize(("since", "weeks"), [(38, 8), (41, 5)])
def test_weeks_that_are_thin_for_long_are_a_change_of_level_and_not_proposed_as_unknown(
    tmp_path, since, weeks
):
    cut = [
        (u, y, w, n // 20 if (y, w) >= (2026, since) else n)
        for u, y, w, n in counts(*SHORT, level=100)
    ]
    made = onboarded(csv(tmp_path / "c.csv", cut), numbering="cdc")
    assert made.profile.data.maturity.method == "none"
    assert f"all of the newest {weeks} weeks" in note_of(made, "newest weeks")
    assert "--maturity" in note_of(made, "newest weeks")


def test_a_total_of_a_wide_table_can_be_left_out_by_the_flag_that_is_named(tmp_path):
    rows = counts(*SHORT)
    weeks = [(y, w) for u, y, w, _ in rows if u == "A"]
    table = [(u, *(n for v, _, _, n in rows if v == u)) for u in "ABC"]
    totals = ("Total", *(sum(column) for column in zip(*(row[1:] for row in table), strict=True)))
    file = csv(
        tmp_path / "c.csv",
        [*table, totals],
        ",".join(["district", *(f"{y}-SE{w:02d}" for y, w in weeks)]),
    )
    message = note_of(onboarded(file, numbering="cdc"), "units")
    assert "'Total' looks like a sum" in message and message.endswith("--leave-out district=Total")
    made = onboarded(file, numbering="cdc", leave_out=["district=Total"])
    assert "3 units" in note_of(made, "history") and not note_of(made, "units")


def test_a_workbook_under_a_csv_name(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["district", "year", "week", "cases"])
    for row in counts("2025-w01", "2025-w20"):
        book.active.append(list(row))
    book.save(tmp_path / "c.csv")
    made = onboarded(tmp_path / "c.csv", numbering="cdc")
    assert "an Excel workbook" in note_of(made, "c.csv")


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (["2024-01-07", "14/01/2024"], "two formats"),
        (["2024-01-07", "2024-01-15"], "two calendars in one table"),
        (["2024-01-01", "2024-02-01", "2024-03-01"], "counts by month"),
    ],
)
def test_dates_that_cannot_be_relied_on_stop_with_row_and_fix(tmp_path, days, words):
    rows = [("A", days[i % len(days)], i) for i in range(len(days) * 4)]
    with pytest.raises(DropError, match=words) as caught:
        onboarded(csv(tmp_path / "c.csv", rows, "district,start,cases"))
    assert caught.value.where and caught.value.fix


def test_a_week_54_and_a_future_week_are_named_and_the_rest_is_read(tmp_path):
    rows = [*counts(*SHORT), ("A", 2025, 54, 3), ("A", 2027, 3, 3)]
    made = onboarded(csv(tmp_path / "c.csv", rows), numbering="cdc")
    assert "no week 54" in note_of(made, "checks") and "after the file was received" in note_of(
        made, "checks"
    )
    assert "2026-w45" in note_of(made, "history")
