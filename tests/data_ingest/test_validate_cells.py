"""Tried wrong, at the drop: rows and cells. Each says level, file and row, and what to do."""

from __future__ import annotations

from datetime import date

import numpy as np
from support.desk import put, without

from pipelines.contracts import Issue, Level
from pipelines.data.drop_info import DropInfo
from pipelines.data.tables import latest_cases
from pipelines.data.validation_result import ValidationResult, raise_if_critical
from pipelines.weeks import CDC

TABLE = "2018-12-04/metadata.csv"
W10 = CDC.week_no("2018-w10")


def column(rows: list[list[str]], name: str) -> int:
    return rows[0].index(name)


def the(found: ValidationResult | list[Issue], code: str) -> Issue:
    """The one issue of this code."""
    issues = found if isinstance(found, list) else list(found.issues)
    of_code = [i for i in issues if i.code == code]
    assert len(of_code) == 1, [i.code for i in issues]
    return of_code[0]


def count(result: ValidationResult, unit_id: str, week: int) -> float:
    cases = latest_cases(result.tables).set_index(["unit_id", "week_no"])["cases"]
    return float(cases.loc[(unit_id, week)])


def test_a_good_drop_has_no_error(desk):
    desk.scene("5001", "2018-10-01")
    desk.drop()
    result = desk.validate()
    assert [i for i in result.issues if i.level in (Level.ERROR, Level.CRITICAL)] == []
    assert len(result.tables.units) == 10 and len(result.tables.cases) == 480
    assert len(result.quarantine) == 0
    raise_if_critical(result)


def test_text_in_a_number_is_quarantined_and_counts_as_missing(desk):
    texts = ["many", "12,5", "1e", "nan", "inf", "-", "0x10", "=1+1", "1 000"]

    def spoil(rows):
        at = column(rows, "2018/w10")
        rows[3][at : at + len(texts)] = texts

    desk.drop(spoil)
    result = desk.validate()
    issues = [i for i in result.issues if i.level is Level.ERROR]
    assert {i.code for i in issues} == {"text-in-number"} and len(issues) == len(texts)
    assert issues[0].place == f"{TABLE} row 4, column '2018/w10' (08001)"
    assert issues[0].period == "2018-w10" and "plain number" in issues[0].fix
    assert result.quarantine["value"].tolist() == texts
    assert result.quarantine.iloc[0].tolist() == [
        TABLE,
        4,
        "2018/w10",
        "many",
        "text-in-number: not a number",
    ]
    assert all(np.isnan(count(result, "08001", W10 + k)) for k in range(len(texts)))
    assert count(result, "08001", W10 + len(texts)) == 6


IMPOSSIBLE = (
    ("2018/w10", "-1", "negative-cases"),
    ("2018/w11", "20001", "absurd-cases"),
    ("2018/w12", "2.5", "fractional-cases"),
    ("2018/w14", "1e999", "absurd-cases"),
    ("TEMPERATURE_mar_18", "300", "absurd-temperature"),
    ("PRECIPITATION_mar_18", "-5", "absurd-rainfall"),
    ("PRECIPITATION_apr_18", "5001", "absurd-rainfall"),
    ("Population2018", "-3", "absurd-population"),
    ("Men(%)", "140", "absurd-demographic"),
    ("NumberofhousesperKm2", "-1", "absurd-demographic"),
)


def test_impossible_values_are_quarantined_and_count_as_missing(desk):
    desk.drop(lambda rows: [put(11, name, text)(rows) for name, text, _ in IMPOSSIBLE])
    result = desk.validate()
    errors = {i.place: i.code for i in result.issues if i.level is Level.ERROR}
    assert errors == {
        f"{TABLE} row 11, column {name!r} (76001)": code for name, _, code in IMPOSSIBLE
    }
    assert set(zip(result.quarantine["column"], result.quarantine["value"], strict=True)) == {
        (name, text) for name, text, _ in IMPOSSIBLE
    }
    assert all(np.isnan(count(result, "76001", W10 + k)) for k in (0, 1, 2, 4))
    march = result.tables.climate.query("unit_id == '76001' and month == 3").iloc[0]
    assert np.isnan(march["temp_mean_c"]) and np.isnan(march["rainfall_mm"])
    town = result.tables.units.set_index("unit_id").loc["76001"]
    assert np.isnan(town["men_pct"]) and np.isnan(town["population_2018"])
    assert town["population_2017"] == 10_000 and not result.critical


def test_a_population_of_0_is_a_warning_and_counts_as_missing(desk):
    desk.drop(put(11, "Population2018", "0"))
    result = desk.validate()
    assert the(result, "no-population").level is Level.WARNING
    assert np.isnan(result.tables.units["population_2018"].iloc[-1])


def test_high_rainfall_is_a_warning_and_kept(desk):
    desk.drop(put(2, "PRECIPITATION_mar_18", "1500"))
    result = desk.validate()
    assert the(result, "high-rainfall").level is Level.WARNING
    assert result.tables.climate["rainfall_mm"].max() == 1500 and result.quarantine.empty


def test_of_identical_rows_the_first_is_kept(desk):
    desk.drop(lambda rows: rows.append(["05001", *rows[1][1:]]))
    result = desk.validate()
    issue = the(result, "duplicate-row")
    assert (issue.level, issue.place) == (
        Level.ERROR,
        f"{TABLE} row 12, column 'Municipality code' (05001)",
    )
    assert "once" in issue.fix and count(result, "05001", W10) == 2
    assert result.quarantine["row"].tolist() == [12]


def test_of_conflicting_rows_none_is_used(desk):
    desk.drop(lambda rows: rows.append([*rows[1][:-1], "55"]))
    result = desk.validate()
    issues = [i for i in result.issues if i.code == "conflicting-rows"]
    assert [i.place.split(",")[0] for i in issues] == [f"{TABLE} row 2", f"{TABLE} row 12"]
    assert {i.level for i in issues} == {Level.ERROR} and not result.critical
    assert "05001" not in set(result.tables.units["unit_id"])


def test_a_code_that_is_no_municipality_is_quarantined(desk):
    codes = ["99", "5000", "12345", "Medellín", "", "5.5"]
    desk.drop(lambda rows: [put(2 + i, "Municipality code", c)(rows) for i, c in enumerate(codes)])
    result = desk.validate()
    issues = [i for i in result.issues if i.code == "unknown-municipality"]
    assert [i.place.split(",")[0] for i in issues] == [f"{TABLE} row {2 + i}" for i in range(6)]
    assert {i.level for i in issues} == {Level.ERROR} and "correct the code" in issues[0].fix
    assert result.quarantine[["row", "value"]].to_numpy().tolist() == [
        [2 + i, c] for i, c in enumerate(codes)
    ]
    assert set(result.tables.units["unit_id"]) == {"54001", "68001", "73001", "76001"}


def test_codes_are_normalised_to_five_digits(desk):
    codes = ["05001", " 5360 ", "8001.0"]
    desk.drop(lambda rows: [put(2 + i, "Municipality code", c)(rows) for i, c in enumerate(codes)])
    result = desk.validate()
    assert result.tables.units["unit_id"].tolist()[:3] == ["05001", "05360", "08001"]
    assert result.quarantine.empty


def test_a_unit_that_no_accepted_drop_has_is_taken_with_a_warning_that_names_it(desk):
    desk.drop()
    accepted = desk.validate().tables
    info = DropInfo(received_date=date(2018, 12, 11), scene_period="month")
    desk.drop(put(2, "Municipality code", "05002"), info)
    result = desk.validate(accepted)
    issue = the(result, "new-unit")
    assert issue.level is Level.WARNING and issue.place.startswith("2018-12-11/metadata.csv row 2")
    assert "05002" in set(result.tables.units["unit_id"])


def test_a_row_that_was_refused_before_may_be_corrected_later(desk):
    desk.drop(lambda rows: rows.append([*rows[1][:-1], "55"]))
    accepted = desk.validate().tables
    desk.drop(info=DropInfo(received_date=date(2018, 12, 11), scene_period="month"))
    result = desk.validate(accepted)
    assert "unknown-municipality" not in {i.code for i in result.issues}
    assert count(result, "05001", W10) == 2


def test_many_bad_rows_put_the_whole_table_in_doubt(desk):
    def spoil(rows):
        for row in rows[1:4]:
            row[column(rows, "2018/w10")] = "x"

    desk.drop(spoil)
    issue = the(desk.validate(), "too-many-bad-rows")
    assert (
        issue.level is Level.CRITICAL
        and issue.message.startswith("3 of 10")
        and issue.place == TABLE
    )


def test_a_week_that_is_empty_for_everyone_is_a_gap(desk):
    desk.drop(lambda rows: [row.__setitem__(column(rows, "2018/w47"), "") for row in rows[1:]])
    assert the(desk.validate(), "week-gap").period == "2018-w47"


def test_a_newest_week_that_most_have_not_reported_is_a_warning(desk):
    desk.drop(lambda rows: [row.__setitem__(column(rows, "2018/w48"), "") for row in rows[1:8]])
    assert the(desk.validate(), "thin-week").period == "2018-w48"


def test_a_missing_climate_month_is_a_warning(desk):
    desk.drop(
        lambda rows: (without("TEMPERATURE_may_18")(rows), without("PRECIPITATION_may_18")(rows))
    )
    issue = the(desk.validate(), "climate-gap")
    assert (issue.level, issue.period) == (Level.WARNING, "2018-05")
