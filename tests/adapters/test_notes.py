"""Free text about units and weeks: what is read of it, what is masked, cut or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from support.adapter_kit import RECEIVED, read, refusals, stopped, the

from pipelines.contracts import Level
from pipelines.data.adapters import Reading
from pipelines.data.note_text import CUT, MASK, clean_note
from pipelines.data.raw import EVERY_UNIT, NOTE_COLUMNS
from pipelines.input_config import InputConfig
from pipelines.weeks import CDC

COLUMNS = {"unit": "muni", "date": "fecha", "text": "nota", "kind": "tipo", "written": "escrito"}
HEADER = "muni,fecha,tipo,escrito,nota\n"


def noted(folder: Path, content: str | bytes, **how: Any) -> Reading:
    settings = {"table": "notes", "columns": COLUMNS, "file": "notes.csv"} | how
    reading = read(folder, content, "notes.csv", **settings)
    assert tuple(reading.notes.columns) == NOTE_COLUMNS
    assert reading.units.empty and reading.cells.empty
    return reading


def test_a_note_is_of_a_unit_and_the_week_of_its_day(tmp_path: Path) -> None:
    row = "05001,2018-01-31,Entomology,2018-02-02,Índice de viviendas de 12 %; sube.\n"
    (note,) = noted(tmp_path, HEADER + row, latency_days=3).notes.itertuples()
    assert (note.unit_id, CDC.week_label(note.week_no)) == ("05001", "2018-w05")
    assert (note.kind, note.written, note.latency_days) == ("entomology", "2018-02-02", 3)
    assert note.text == "Índice de viviendas de 12 %; sube."


def test_year_and_week_tell_the_week_too(tmp_path: Path) -> None:
    columns = {"unit": "u", "year": "y", "week": "w", "text": "t"}
    reading = noted(tmp_path, "u,y,w,t\nA,2018,5,lluvias\n", columns=columns)
    assert reading.notes["week_no"].tolist() == [CDC.week_no("2018-w05")]
    assert reading.notes["written"].tolist() == [""]


def test_an_empty_unit_is_every_unit(tmp_path: Path) -> None:
    content = HEADER + ",2018-01-31,,,Campaña nacional.\nA,2018-01-31,,,De aquí.\n"
    reading = noted(tmp_path, content)
    assert reading.notes["unit_id"].tolist() == [EVERY_UNIT, "A"] and refusals(reading) == []


def test_a_file_without_a_column_of_units_is_about_all(tmp_path: Path) -> None:
    columns = {"date": "d", "text": "t"}
    reading = noted(tmp_path, "d,t\n2018-01-31,Lluvias\n", columns=columns)
    assert reading.notes["unit_id"].tolist() == [EVERY_UNIT]


def test_semicolons_in_texts_do_not_make_them_separators(tmp_path: Path) -> None:
    rows = "".join(f"A,2018-01-{d:02d},,,uno; dos; tres; cuatro; cinco; seis\n" for d in (3, 10))
    assert len(noted(tmp_path, HEADER + rows).notes) == 2


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Paciente con cédula 1020345678, en casa", f"Paciente con cédula {MASK}, en casa"),
        ("Llamar al 300 123 4567.", f"Llamar al {MASK}."),
        ("tel. +57 (300) 123-4567", f"tel. {MASK}"),
        ("C.C. 1.020.345.678", f"C.C. {MASK}"),
        ("Escribir a ana.perez@salud.gov.co hoy", f"Escribir a {MASK} hoy"),
        ("cédula １０２０３４５６７８", f"cédula {MASK}"),
        ("cédula 1020\u200b345\u200b678", f"cédula {MASK}"),
        ("cédula 1020<b>3456</b>78", f"cédula {MASK}"),
        ("correo ana&#64;salud.gov.co", f"correo {MASK}"),
    ],
)
def test_what_may_be_a_persons_is_masked(tmp_path: Path, written: str, kept: str) -> None:
    reading = noted(tmp_path, HEADER + f'A,2018-01-31,,,"{written}"\n')
    assert reading.notes["text"].tolist() == [kept]
    assert the(reading, "personal-data-masked").level is Level.WARNING


@pytest.mark.parametrize(
    "text",
    [
        "Índice de 12 %, 120 casas el 2018-01-31 a las 10:30.",
        "Entre 2017-2018 hubo 350 casos; en 2016, 120.",
        "Visita del 31/01/2018, semana 5.",
        "De 1.120 viviendas 35 positivas.",
    ],
)
def test_days_years_and_counts_are_not_masked(tmp_path: Path, text: str) -> None:
    reading = noted(tmp_path, HEADER + f'A,2018-01-31,,,"{text}"\n')
    assert reading.notes["text"].tolist() == [text] and reading.issues == ()


def test_markup_and_unseen_characters_leave_and_are_said(tmp_path: Path) -> None:
    text = "<script>x</script><b>Sube</b>\x07 el &iacute;ndice\u202e\r\ntras lluvias {label}"
    reading = noted(tmp_path, HEADER + f'A,2018-01-31,,,"{text}"\n')
    assert reading.notes["text"].tolist() == ["x Sube el índice tras lluvias {label}"]
    assert the(reading, "note-markup").rows == 1


@pytest.mark.parametrize(
    "text",
    [
        "Temperatura < 30 y lluvia > 20 mm.",
        "Índice <5 %, antes >8 %",
        "Letalidad <= 1 %, ayer > 2",
    ],
)
def test_what_is_less_than_a_number_is_no_markup(text: str) -> None:
    assert clean_note(text, 120).text == text


def test_a_long_note_is_cut_at_the_declared_length(tmp_path: Path) -> None:
    content = HEADER + f"A,2018-01-31,,,{'palabra ' * 9000}\n"
    reading = noted(tmp_path, content, options={"max_characters": 60})
    (text,) = reading.notes["text"]
    assert len(text) <= 60 and text.endswith(CUT)
    assert the(reading, "note-cut").level is Level.INFO


def test_a_number_at_the_cut_leaves_no_part_of_itself() -> None:
    for blanks in range(30, 50):
        text = clean_note("x" * blanks + " 3001234567 " + "y " * 200, 50).text
        assert "300" not in text


def test_a_number_where_reading_ends_leaves_no_part_of_itself() -> None:
    for spaces in range(985, 1005):
        assert "300" not in clean_note(" " * spaces + "3001234567" + "z" * 999, 50).text


@pytest.mark.parametrize(
    "text",
    [
        "a" * 700,
        "&amp;amp;lt;b&amp;gt; 3001234567",
        "x@y.zz <i>",
        "&" * 40,
        "[...] [***]",
        "<3001234567 y <a@b.co> > <2@b.co>",
        "&lt;&lt;b> 5 < <<i>3 &amp;lt;4 >",
    ],
)
def test_a_cleaned_text_stays_as_it_is(text: str) -> None:
    once = clean_note(text, 120).text
    assert clean_note(once, 120).text == once


def test_a_field_beyond_any_text_stops_the_file_with_its_line(tmp_path: Path) -> None:
    found = stopped(
        noted(tmp_path, HEADER + f"A,2018-01-31,,,{'x' * 200_000}\n"), "unreadable-table"
    )
    assert "line 2" in found.place


def test_a_note_of_a_week_to_come_is_refused(tmp_path: Path) -> None:
    rows = "A,2027-01-31,,,mañana\nA,2018-01-31,,,ayer\n" + "A,2018-02-10,,,ayer\n"
    assert refusals(noted(tmp_path, HEADER + rows)) == [(2, "future-date")]


def test_a_note_written_after_its_receipt_is_refused(tmp_path: Path) -> None:
    rows = f"A,2018-01-31,,{RECEIVED},hoy\nA,2018-02-10,,2026-11-17,mañana\n"
    assert refusals(noted(tmp_path, HEADER + rows)) == [(3, "written-after-receipt")]


def test_a_note_after_until_is_not_read(tmp_path: Path) -> None:
    rows = "A,2018-01-31,,,cinco\nA,2018-02-10,,,seis\n"
    assert noted(tmp_path, HEADER + rows, until="2018-w05").notes["text"].tolist() == ["cinco"]


def test_repeated_and_conflicting_notes_are_named_and_the_first_is_kept(tmp_path: Path) -> None:
    rows = "A,2018-01-31,,,uno\nA,2018-01-30,,,uno\nA,2018-01-29,,,otro\nA,2018-01-29,s,,más\n"
    reading = noted(tmp_path, HEADER + rows)
    assert reading.notes["text"].tolist() == ["uno", "más"]
    assert refusals(reading) == [(3, "repeated-note"), (4, "conflicting-notes")]


def test_two_versions_with_days_of_their_own_are_both_kept(tmp_path: Path) -> None:
    rows = "A,2018-01-31,,2018-02-01,uno\nA,2018-01-31,,2018-02-05,otro\n"
    assert noted(tmp_path, HEADER + rows).notes["text"].tolist() == ["uno", "otro"]


def test_rows_without_text_are_no_notes(tmp_path: Path) -> None:
    reading = noted(tmp_path, HEADER + "A,2018-01-31,,,\nB,2018-01-31,,,<br>\nC,2018-01-31,,,x\n")
    assert reading.notes["unit_id"].tolist() == ["C"] and refusals(reading) == [(3, "no-text")]


def test_a_table_without_rows_is_a_week_without_notes(tmp_path: Path) -> None:
    reading = noted(tmp_path, HEADER)
    assert reading.notes.empty and the(reading, "empty-file").level is Level.INFO


def test_no_issue_and_no_refusal_shows_a_number_that_may_be_a_persons(tmp_path: Path) -> None:
    rows = "A,3001234567,,,x\nB,2018-01-31,,3001234567,x\nC,2018-01-31,,,x\n,,,,3001234567\n"
    reading = noted(tmp_path, HEADER + rows)
    assert len(reading.refused) == 3
    assert "3001234567" not in " ".join([*reading.refused["value"], *map(str, reading.issues)])


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"columns": {"unit": "u", "date": "d"}}, "need `text`"),
        ({"columns": {"unit": "u", "text": "t"}}, "`date`"),
        ({"columns": {**COLUMNS, "cases": "c"}}, "no column of notes"),
        ({"columns": COLUMNS, "adapter": "wide"}, "read by `long`"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        InputConfig(**{"file": "notes.csv", "table": "notes", **settings})


def test_names_of_notes_stay_free_elsewhere() -> None:
    config = InputConfig(file="cases.csv", columns={"unit": "u", "kind": "k", "written": "w"})
    assert config.covariates == ("kind", "written")
    assert InputConfig(file="n.csv", table="notes", columns=COLUMNS).covariates == ()
