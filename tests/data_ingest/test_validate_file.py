"""Tried wrong, at the drop: files, headers and calendars. Each says level, file and row, and what
to do.
"""

from __future__ import annotations

import json
import re
from datetime import date

import pytest
from support.desk import put, without
from support.drops import CONTEXT, context_with

from pipelines.contracts import Issue, Level
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import list_drops
from pipelines.data.sources.satellitebench import read_raw
from pipelines.data.validate import validate_all
from pipelines.data.validation_result import ValidationResult, raise_if_critical
from pipelines.errors import ValidationStopped
from pipelines.weeks import CDC

TABLE = "2018-12-04/metadata.csv"


def column(rows: list[list[str]], name: str) -> int:
    return rows[0].index(name)


def renamed(name: str, to: str):
    return lambda rows: rows[0].__setitem__(column(rows, name), to)


def the(found: ValidationResult | list[Issue], code: str) -> Issue:
    """The one issue of this code."""
    issues = found if isinstance(found, list) else list(found.issues)
    of_code = [i for i in issues if i.code == code]
    assert len(of_code) == 1, [i.code for i in issues]
    return of_code[0]


def rewrite(desk, change) -> None:
    """A drop whose table's bytes were changed."""
    file = desk.drop() / "metadata.csv"
    file.write_bytes(change(file.read_bytes()))


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


def test_a_row_with_too_few_cells_is_named(desk):
    desk.drop(lambda rows: rows[5].pop())
    issue = the(desk.header_issues(), "ragged-row")
    assert issue.level is Level.ERROR and issue.place == f"{TABLE} row 6"


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
    raw = read_raw(list_drops(desk.drops)[0], CONTEXT)
    weeks = raw.cells[raw.cells["kind"] == "week"]
    assert raw.usable and raw.units["unit_id"][0] == "05001" and weeks["when"].nunique() == 48
    last = weeks[weeks["column"] == "2018/w48"]
    assert last["value"].tolist() == [str((i + 47) % 7) for i in range(10)]


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
    assert CDC.week_no("2018-w20") not in set(result.tables.cases["week_no"])


def test_weeks_that_had_not_ended_when_the_drop_came_are_left_out(desk):
    desk.drop(info=DropInfo(received_date=date(2018, 11, 20), scene_period="month"))
    result = desk.validate()
    issue = the(result, "week-not-ended")
    assert issue.level is Level.ERROR and issue.period == "2018/w47..2018/w48"
    assert result.tables.cases["week_no"].max() == CDC.week_no("2018-w46")


def test_an_accepted_drop_that_changed_is_critical(desk):
    desk.drop()
    result = validate_all(
        desk.drops, context_with(desk.config), None, None, desk.cache, {"2018-12-04": "0" * 16}
    )
    issue = the(result, "accepted-drop-changed")
    assert issue.level is Level.CRITICAL and issue.place == "2018-12-04"


def test_every_finding_is_written_for_people_and_machines(desk):
    desk.drop(put(4, "2018/w10", "many"))
    result = validate_all(desk.drops, context_with(desk.config), None, desk.out, desk.cache)
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


def test_data_docs_hold_the_pictures_that_a_page_shows_and_no_others(desk):
    desk.drop(put(4, "2018/w10", "many"))
    validate_all(desk.drops, context_with(desk.config), None, desk.out, desk.cache)
    docs = desk.out / "data_docs"
    pages = "".join(page.read_text() for page in docs.rglob("*.html"))
    left = {
        path.relative_to(docs).as_posix() for path in (docs / "static").rglob("*") if path.is_file()
    }
    assert left == set(re.findall(r"static/[\w./-]+", pages)) != set()
