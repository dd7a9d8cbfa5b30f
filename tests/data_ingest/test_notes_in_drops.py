"""Notes of several drops: which version is known from which day, and what a drop keeps of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.ministry import CASES, TABLE, Ministry, changes, the

from pipelines.contracts import Level
from pipelines.data.drops import list_drops
from pipelines.data.note_text import MASK
from pipelines.data.note_vintages import note_vintages
from pipelines.data.raw import EVERY_UNIT
from pipelines.data.sources.files import read_raw
from pipelines.data.tables import Tables, ordered
from pipelines.weeks import CDC

COLUMNS = {"unit": "u", "year": "y", "week": "w", "kind": "k", "written": "d", "text": "t"}
NOTES = {"table": "notes", "file": "notes.csv", "columns": COLUMNS, "optional": True}
HEADER = "u,y,w,k,d,t\n"


@pytest.fixture
def ministry(tmp_path: Path) -> Ministry:
    return Ministry(tmp_path, CASES, NOTES | {"latency_days": 2})


def told(tables: Tables) -> list[tuple[str, str, str, str]]:
    """(unit, week, text, known day) of every version, in the order of the table."""
    notes = tables.notes
    weeks = notes["week_no"].map(CDC.week_label)
    return list(
        zip(notes["unit_id"], weeks, notes["text"], map(str, notes["known_date"]), strict=True)
    )


def bring(ministry: Ministry, day: str, *rows: str) -> None:
    ministry.bring(day, cases_csv=TABLE, notes_csv=HEADER + "".join(f"{row}\n" for row in rows))


def test_a_note_with_its_day_is_known_from_that_day_and_the_latency_on(ministry: Ministry) -> None:
    bring(ministry, "2018-12-04", "A,2018,30,s,2018-07-30,sube")
    assert told(ministry.validate().tables) == [("A", "2018-w30", "sube", "2018-08-01")]


def test_a_note_without_its_day_is_known_from_the_first_drop_that_brought_it(
    ministry: Ministry,
) -> None:
    bring(ministry, "2018-10-09", "A,2018,39,s,,sube")
    bring(ministry, "2018-10-16", "A,2018,39,s,,sube", "A,2018,40,s,,baja")
    assert told(ministry.validate().tables) == [
        ("A", "2018-w39", "sube", "2018-10-09"),
        ("A", "2018-w40", "baja", "2018-10-16"),
    ]


@pytest.mark.parametrize("written", ["", "2018-10-01"])
def test_a_corrected_note_counts_from_its_own_receipt(ministry: Ministry, written: str) -> None:
    bring(ministry, "2018-10-09", f"A,2018,39,s,{written},sube")
    bring(ministry, "2018-10-16", f"A,2018,39,s,{written},hubo brote en la semana 41")
    before, corrected = told(ministry.validate().tables)
    assert before[2] == "sube" and before[3] <= "2018-10-09"
    assert corrected[2:] == ("hubo brote en la semana 41", "2018-10-16")


def test_a_correction_that_says_it_was_written_earlier_does_not_count_earlier(
    ministry: Ministry,
) -> None:
    bring(ministry, "2018-10-09", "A,2018,39,s,2018-10-01,sube")
    bring(ministry, "2018-10-16", "A,2018,39,s,2018-09-30,otra cosa")
    assert [day for *_, day in told(ministry.validate().tables)] == ["2018-10-03", "2018-10-16"]


def test_a_correction_that_is_taken_back_counts_again_from_then(ministry: Ministry) -> None:
    for day, text in (("2018-10-09", "uno"), ("2018-10-16", "dos"), ("2018-10-23", "uno")):
        bring(ministry, day, f"A,2018,39,s,,{text}")
    assert [row[2:] for row in told(ministry.validate().tables)] == [
        ("uno", "2018-10-09"),
        ("dos", "2018-10-16"),
        ("uno", "2018-10-23"),
    ]


def test_a_word_takes_a_note_back_from_its_receipt_on(ministry: Ministry) -> None:
    bring(ministry, "2018-10-09", "A,2018,39,s,,sube")
    bring(ministry, "2018-10-16", "A,2018,39,s,,Withdrawn")
    assert [row[2:] for row in told(ministry.validate().tables)] == [
        ("sube", "2018-10-09"),
        ("", "2018-10-16"),
    ]


def test_a_history_without_days_is_known_from_its_receipt_and_that_is_said(
    ministry: Ministry,
) -> None:
    bring(ministry, "2018-12-04", *(f"A,2018,{week},s,,semana {week}" for week in range(1, 49)))
    result = ministry.validate()
    assert {day for *_, day in told(result.tables)} == {"2018-12-04"}
    found = the(result.issues, "notes-known-from-receipt")
    assert found.level is Level.WARNING and found.period == "2018-w01..2018-w44"
    assert "no forecast of an earlier week is tried with them" in found.message


def test_a_history_that_every_drop_repeats_is_said_once(ministry: Ministry) -> None:
    rows = [f"A,2018,{week},s,,semana {week}" for week in range(1, 40)]
    for day in ("2018-12-04", "2018-12-11", "2018-12-18"):
        bring(ministry, day, *rows)
    assert the(ministry.validate().issues, "notes-known-from-receipt").place.startswith(
        "2018-12-04"
    )


def test_a_history_with_days_of_writing_is_no_matter_for_a_warning(ministry: Ministry) -> None:
    bring(ministry, "2018-12-04", "A,2018,1,s,2018-01-08,sube")
    assert not [i for i in ministry.validate().issues if i.code.startswith("notes")]


def test_notes_of_a_unit_without_cases_are_named_and_left_out(ministry: Ministry) -> None:
    bring(ministry, "2018-12-04", "A,2018,48,s,,sube", "Z,2018,48,s,,sube", ",2018,48,s,,todo")
    result = ministry.validate()
    assert [row[0] for row in told(result.tables)] == [EVERY_UNIT, "A"]
    assert "Z" in the(result.issues, "notes-of-unknown-units").message


def test_notes_make_no_unit_of_the_table_and_hide_none_that_is_gone(ministry: Ministry) -> None:
    bring(ministry, "2018-12-04")
    before = ministry.validate().tables
    only_a = TABLE[: TABLE.index("B,")]
    ministry.bring("2018-12-11", cases_csv=only_a, notes_csv=HEADER + "B,2018,48,s,,nada\n")
    assert "B" in the(ministry.validate(before).issues, "municipalities-gone").message


def test_a_drop_without_notes_has_no_table_of_them(ministry: Ministry, tmp_path: Path) -> None:
    ministry.bring("2018-12-04", cases_csv=TABLE)
    folder = ministry.validate().tables.save(tmp_path / "tables")
    assert not (folder / "notes.parquet").exists() and Tables.load(folder).notes.empty


def test_notes_are_as_before_when_tables_are_read_again(ministry: Ministry, tmp_path: Path) -> None:
    bring(ministry, "2018-12-04", "A,2018,30,s,2018-07-30,sube", "A,2018,31,s,,baja")
    tables = ministry.validate().tables
    assert told(Tables.load(tables.save(tmp_path / "tables"))) == told(tables)


def test_a_number_that_may_be_a_persons_is_stored_nowhere(ministry: Ministry) -> None:
    bring(ministry, "2018-12-04", "A,2018,48,s,,Cédula 1020345678 en casa")
    result = ministry.validate(out=ministry.home / "out")
    assert told(result.tables)[0][2] == f"Cédula {MASK} en casa"
    assert the(result.issues, "personal-data-masked").rows == 1
    kept = [
        f for f in (*ministry.drops.rglob("*"), *(ministry.home / "out").rglob("*")) if f.is_file()
    ]
    assert kept and not [f for f in kept if b"1020345678" in f.read_bytes()]


def test_a_stored_copy_keeps_declared_columns_and_the_numbers_of_rows(ministry: Ministry) -> None:
    content = "t,u,y,w,k,d,paciente\nuno; dos,A,2018,48,s,,Ana\n\ntres,B,2018,48,s,,Eva\n"
    drop = ministry.bring("2018-12-04", cases_csv=TABLE, notes_csv=content)
    stored = (drop / "notes.csv").read_text(encoding="utf-8")
    assert "Ana" not in stored and "paciente" not in stored
    notes = ministry.raw().notes
    assert notes["text"].tolist() == ["uno; dos", "tres"] and notes["row"].tolist() == [2, 4]


def test_old_drops_that_were_kept_give_the_notes_that_whole_drops_give(
    ministry: Ministry,
) -> None:
    noise, known = np.random.default_rng(5), dict[tuple[str, int, str], str]()
    for nth in range(8):
        for week in range(40 + nth - 2, 40 + nth):
            day = CDC.week_end(CDC.number(2018, week)) if noise.random() < 0.5 else ""
            known["AB"[nth % 2], week, str(day)] = f"nota {noise.integers(4)}"
        for key in known:
            if noise.random() < 0.2:
                known[key] = f"nota {noise.integers(4)}"
        rows = [f"{u},2018,{w},s,{d},{t}" for (u, w, d), t in known.items() if noise.random() < 0.9]
        bring(ministry, str(CDC.week_end(CDC.number(2018, 40 + nth))), *rows)
        kept = told(ministry.validate().tables)  # reads what earlier rounds kept
    shutil.rmtree(ministry.home / "readings")
    drops = [read_raw(drop, ministry.context) for drop in list_drops(ministry.drops)]
    whole = note_vintages(drops, ["A", "B"], ["withdrawn"], CDC).notes
    assert kept == told(replace(Tables.empty(), notes=ordered("notes", whole))) and len(kept) > 15


def test_notes_of_a_renamed_unit_go_on_under_its_code_of_today(tmp_path: Path) -> None:
    ministry = Ministry(tmp_path, CASES, NOTES)
    ministry.context = replace(ministry.context, changes=changes(("A", "C")))
    bring(ministry, "2018-12-04", "A,2018,48,s,,sube")
    assert told(ministry.validate().tables)[0][0] == "C"
