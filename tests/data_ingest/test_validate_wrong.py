"""Tried wrong, at the drop: each names level, file and row, and what to do, and harms nothing else."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.contracts import Issue, Level
from pipelines.data.drops import DropInfo
from pipelines.data.tables import latest_cases
from pipelines.data.validate import ValidationResult, raise_if_critical
from pipelines.errors import ValidationStopped
from pipelines.weeks import week_no

TABLE = "2018-12-04/metadata.csv"
W10 = week_no("2018-w10")


def column(rows: list[list[str]], name: str) -> int:
    return rows[0].index(name)


def put(row: int, name: str, text: str):
    """Write a cell; `row` as a spreadsheet numbers it, the header being row 1."""
    return lambda rows: rows[row - 1].__setitem__(column(rows, name), text)


def without(name: str):
    def spoil(rows: list[list[str]]) -> None:
        at = column(rows, name)
        for row in rows:
            del row[at]

    return spoil


def renamed(name: str, to: str):
    return lambda rows: rows[0].__setitem__(column(rows, name), to)


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


def test_a_missing_column_is_critical_and_stops_the_run(desk):
    desk.drop(without("Municipality code"))
    result = desk.validate()
    issue = the(result, "missing-column")
    assert (issue.level, issue.place) == (Level.CRITICAL, f"{TABLE} row 1")
    assert result.critical and result.tables.cases.empty
    with pytest.raises(ValidationStopped, match="missing-column") as stopped:
        raise_if_critical(result)
    assert TABLE in stopped.value.where and issue.fix in stopped.value.what


@pytest.mark.parametrize(
    "name", ["Municipality code", "Municipality", "Men(%)", "NumberofhousesperKm2"]
)
def test_each_required_column_is_named_when_it_is_missing(desk, name):
    desk.drop(without(name))
    issue = the(desk.header_issues(), "missing-column")
    assert issue.level is Level.CRITICAL and repr(name) in issue.message and repr(name) in issue.fix


def test_a_table_without_any_weekly_column_is_critical(desk):
    def spoil(rows):
        rows[:] = [
            [c for c, name in zip(row, rows[0], strict=True) if "/w" not in name] for row in rows
        ]

    desk.drop(spoil)
    assert "weekly cases" in the(desk.header_issues(), "missing-column").message


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("Municipality code", "Municipality Code"),
        ("Municipality code", "municipality_code"),
        ("Municipality code", "Muncipality code"),
        ("Householdswithoutwateraccess(%)", "Households without water access (%)"),
        ("2018/w48", "2018-w48"),
        ("TEMPERATURE_nov_18", "temperature nov 2018"),
        ("Population2018", "population_2018"),
    ],
)
def test_a_renamed_column_is_critical_and_the_expected_name_is_said(desk, name, to):
    desk.drop(renamed(name, to))
    issue = the(desk.header_issues(), "renamed-column")
    assert (issue.level, issue.place) == (Level.CRITICAL, f"{TABLE} row 1")
    assert f"rename column {to!r} to {name!r}" in issue.fix


def test_a_column_that_is_there_twice_is_critical(desk):
    desk.drop(renamed("2018/w47", "2018/w48"))
    issue = the(desk.header_issues(), "duplicate-column")
    assert issue.level is Level.CRITICAL and "'2018/w48' is there 2 times" in issue.message


def test_a_column_of_nothing_known_is_left_out_with_a_warning(desk):
    desk.drop(lambda rows: [row.append("x") for row in rows])
    issue = the(desk.header_issues(), "unknown-column")
    assert issue.level is Level.WARNING and "'x'" in issue.message


def test_a_week_that_does_not_exist_is_left_out_with_an_error(desk):
    desk.drop(
        lambda rows: [row.append("2018/w53" if i == 0 else "1") for i, row in enumerate(rows)]
    )
    issue = the(desk.header_issues(), "no-such-week")
    assert issue.level is Level.ERROR and "2018/w53" in issue.message


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
    assert result.quarantine.iloc[0].tolist() == [TABLE, 4, "2018/w10", "many", "text-in-number: not a number"]  # fmt: skip
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


def test_a_municipality_that_no_accepted_drop_has_is_quarantined(desk):
    desk.drop()
    accepted = desk.validate().tables
    info = DropInfo(received_date=date(2018, 12, 11), scene_period="month")
    desk.drop(put(2, "Municipality code", "05002"), info)
    result = desk.validate(accepted)
    issue = the(result, "unknown-municipality")
    assert issue.level is Level.ERROR and issue.place.startswith("2018-12-11/metadata.csv row 2")
    assert "05002" not in set(result.tables.units["unit_id"])


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


def test_a_row_with_too_few_cells_is_named(desk):
    desk.drop(lambda rows: rows[5].pop())
    issue = the(desk.header_issues(), "ragged-row")
    assert issue.level is Level.ERROR and issue.place == f"{TABLE} row 6"


def rewrite(desk, change) -> None:
    """A drop whose table's bytes were changed."""
    file = desk.drop() / "metadata.csv"
    file.write_bytes(change(file.read_bytes()))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda _: b"", "empty-drop"),
        (lambda _: b"\n \n", "empty-drop"),
        (lambda raw: raw.split(b"\n")[0] + b"\n", "empty-drop"),
        (lambda raw: raw.replace(b",", b";"), "wrong-separator"),
        (lambda raw: raw.replace(b",", b"\t"), "wrong-separator"),
        (lambda raw: raw.replace(b"Town 3", "Itagüí".encode("latin-1")), "unreadable-table"),
        (lambda raw: raw.decode().encode("utf-16"), "unreadable-table"),
        (lambda raw: raw.replace(b"Town 3", b'"Town 3'), "unreadable-table"),
    ],
)
def test_a_table_that_cannot_be_read_is_critical_and_says_what_to_do(desk, change, code):
    rewrite(desk, change)
    issue = the(desk.header_issues(), code)
    assert issue.level is Level.CRITICAL and issue.place.startswith(TABLE)
    assert "make it again" in issue.fix


@pytest.mark.parametrize(
    "change", [lambda raw: b"\xef\xbb\xbf" + raw, lambda raw: raw.replace(b"\n", b"\r\n")]
)
def test_excels_byte_order_mark_and_line_ends_are_read(desk, change):
    rewrite(desk, change)
    result = desk.validate()
    assert not result.critical and len(result.tables.cases) == 480 and result.quarantine.empty


@pytest.mark.parametrize("kept", [(), ("drop.yaml",)])
def test_an_empty_drop_is_critical_not_a_crash(desk, kept):
    path = desk.drop()
    for file in path.iterdir():
        if file.name not in kept:
            file.unlink()
    issue = the(desk.validate(), "empty-drop")
    assert (issue.level, issue.place) == (
        Level.CRITICAL,
        "2018-12-04",
    ) and "denguard drop" in issue.fix


def test_no_drop_at_all_is_critical(desk):
    assert the(desk.validate(), "empty-drop").level is Level.CRITICAL


def test_a_drop_with_scenes_and_no_table_is_critical(desk):
    desk.scene("5001", "2018-10-01")
    (desk.drop() / "metadata.csv").unlink()
    assert the(desk.validate(), "missing-table").level is Level.CRITICAL


def test_a_week_gap_is_a_warning_with_its_period(desk):
    def spoil(rows):
        for name in ("2018/w20", "2018/w21", "2018/w30"):
            without(name)(rows)

    desk.drop(spoil)
    result = desk.validate()
    gaps = [i for i in result.issues if i.code == "week-gap"]
    assert [(i.level, i.period, i.rows) for i in gaps] == [
        (Level.WARNING, "2018-w20..2018-w21", 2),
        (Level.WARNING, "2018-w30", 1),
    ]
    assert "next drop" in gaps[0].fix
    assert week_no("2018-w20") not in set(result.tables.cases["week_no"])


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


def test_weeks_that_had_not_ended_when_the_drop_came_are_left_out(desk):
    desk.drop(info=DropInfo(received_date=date(2018, 11, 20), scene_period="month"))
    result = desk.validate()
    issue = the(result, "week-not-ended")
    assert issue.level is Level.ERROR and issue.period == "2018/w47..2018/w48"
    assert result.tables.cases["week_no"].max() == week_no("2018-w46")


def png(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(
        path
    )
    return path


def test_a_truncated_png_is_quarantined_and_the_other_scenes_stay(desk):
    desk.scene("5001", "2018-09-01")
    file = png(desk.images / "5001" / "image_2018-10-01.png")
    file.write_bytes(file.read_bytes()[:900])
    desk.drop()
    result = desk.validate()
    issue = the(result, "damaged-scene")
    assert issue.level is Level.ERROR and issue.period == "2018-10-01"
    assert issue.place == "2018-12-04/images/5001/image_2018-10-01.png (05001)"
    assert "again" in issue.fix and [str(d) for d in result.tables.scenes["scene_date"]] == [
        "2018-09-01"
    ]
    assert result.quarantine["file"].tolist() == ["2018-12-04/images/5001/image_2018-10-01.png"]


def test_an_8_band_tiff_is_quarantined(desk):
    desk.scene("5001", "2018-10-01", np.ones((8, 16, 16), np.uint8))
    desk.drop()
    result = desk.validate()
    issue = the(result, "wrong-bands")
    assert issue.level is Level.ERROR and "8 bands" in issue.message and "12" in issue.fix
    assert "image_2018-10-01.tiff" in issue.place and result.tables.scenes.empty


def test_a_pixel_bomb_is_quarantined(desk):
    file = desk.images / "5001" / "image_2018-10-01.png"
    file.parent.mkdir(parents=True)
    Image.new("1", (8000, 8000)).save(file)
    desk.drop()
    result = desk.validate()
    issue = the(result, "pixel-bomb")
    assert issue.level is Level.ERROR and "8000 x 8000" in issue.message and "smaller" in issue.fix
    assert result.tables.scenes.empty and not result.critical


def test_scenes_of_an_unknown_municipality_are_quarantined(desk):
    desk.scene("5001", "2018-10-01")
    desk.scene("5002", "2018-10-01")
    desk.scene("abc", "2018-10-01")
    desk.drop()
    result = desk.validate()
    issues = [i for i in result.issues if i.code == "unknown-municipality"]
    assert [i.level for i in issues] == [Level.ERROR] * 2 and "5002" in issues[0].place
    assert result.tables.scenes["unit_id"].tolist() == ["05001"]


def test_a_scene_dated_after_it_was_received_is_quarantined(desk):
    desk.scene("5001", "2019-02-01")
    desk.drop()
    result = desk.validate()
    assert the(result, "scene-from-the-future").level is Level.ERROR and result.tables.scenes.empty


def test_two_files_of_one_date_give_one_scene_and_an_error(desk):
    desk.scene("5001", "2018-10-01")
    png(desk.images / "05001" / "image_2018-10-01.png")
    desk.drop()
    result = desk.validate()
    assert the(result, "duplicate-scene").place.startswith("2018-12-04/images/5001/")
    assert len(result.tables.scenes) == 1


def test_mostly_blank_scenes_are_a_warning_and_kept_as_blank(desk):
    desk.scene("5001", "2018-09-01")
    for day in ("2018-10-01", "2018-11-01"):
        desk.scene("5001", day, np.zeros((12, 8, 8), np.uint8))
    desk.drop()
    result = desk.validate()
    issue = the(result, "blank-share")
    assert (
        issue.level is Level.WARNING
        and issue.message.startswith("2 of 3 scenes")
        and issue.rows == 2
    )
    assert sorted(result.tables.scenes["quality"]) == ["blank", "blank", "ok"]


def test_a_file_that_is_no_scene_is_a_warning(desk):
    desk.images.mkdir(parents=True)
    (desk.images / "Thumbs.db").write_bytes(b"x")
    desk.drop()
    issue = the(desk.validate(), "unknown-file")
    assert issue.level is Level.WARNING and issue.place.startswith("2018-12-04/images/Thumbs.db")


def test_a_bigtiff_whose_header_lies_is_quarantined(desk):
    file = desk.scene("5001", "2018-10-01")
    tifffile.imwrite(file, np.ones((12, 16, 16), np.uint8), bigtiff=True, metadata=None, photometric="minisblack", planarconfig="separate")  # fmt: skip
    file.write_bytes(file.read_bytes()[:-700])
    desk.drop()
    assert desk.validate().tables.scenes.empty


def test_an_accepted_drop_that_changed_is_critical(desk):
    from pipelines.data.validate import validate_all

    desk.drop()
    result = validate_all(
        desk.drops, desk.config, None, desk.out, desk.cache, {"2018-12-04": "0" * 16}
    )
    issue = the(result, "accepted-drop-changed")
    assert issue.level is Level.CRITICAL and issue.place == "2018-12-04"


def test_every_finding_is_written_for_people_and_machines(desk):
    desk.drop(put(4, "2018/w10", "many"))
    result = desk.validate()
    written = json.loads((desk.out / "issues.json").read_text())
    assert [Issue(**i) for i in written] == list(result.issues)
    assert (desk.out / "quarantine.csv").read_text().splitlines()[
        1
    ] == f"{TABLE},4,2018/w10,many,text-in-number: not a number"
    checks = json.loads((desk.out / "gx_results.json").read_text())["checks"]
    weekly = next(c for c in checks if c["check"] == "weekly cases")
    failed = [r for r in weekly["results"] if not r["success"]]
    assert [(r["code"], r["unexpected_count"]) for r in failed] == [("text-in-number", 1)]
    docs = (desk.out / "data_docs" / "index.html").read_text()
    assert "weekly cases" in docs
    assert any(
        "expect" in p.read_text().lower()
        for p in (desk.out / "data_docs" / "validations").rglob("*.html")
    )
