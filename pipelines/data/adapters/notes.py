"""Notes: free text about a unit and a week, or about all units. Read by `long`, `table: notes`.

Columns: text; unit (an empty one is every unit); date (any day), or year and week, or week; kind
and written (the day it was written), if there are. What is kept of a text: note_text.py. Records
of one unit, week, kind and day of writing are one note.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Days, Int64s, Texts
from pipelines.contracts import Level
from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.content import Unreadable
from pipelines.data.adapters.dates import days_of, week_numbers
from pipelines.data.adapters.draft import Draft, joined
from pipelines.data.adapters.names import Names, choose
from pipelines.data.adapters.note_tables import open_notes
from pipelines.data.adapters.options import options_of
from pipelines.data.adapters.records import Table, absent
from pipelines.data.adapters.rules import counted, rule_columns
from pipelines.data.adapters.times import weeks_of
from pipelines.data.note_text import CUT, MASK, NoteText, clean_note
from pipelines.data.raw import EVERY_UNIT, NOTE_COLUMNS

_MOST_OF_KIND, _MOST_OF_ISSUE = 40, 500
_KEY = ["unit_id", "week_no", "kind", "written"]


def read_notes(file: InputFile) -> Reading:
    """The notes of a file. Raises Unreadable for what makes the file of no use."""
    table = open_notes(file)
    names = choose(table, ())
    try:
        draft = _draft(table, names)
    except Unreadable as err:
        if err.issue.code == "empty-file":  # a week of which nobody wrote anything
            return Reading(issues=(replace(err.issue, level=Level.INFO, fix="nothing to do"),))
        raise
    weeks, written = _weeks(draft, names), _written(draft, names)
    _refuse_future(draft, names, weeks)
    texts, kinds = _texts(draft, names["text"][0]), _kinds(draft, names)
    frame = _frame(draft, weeks, kinds, texts, written)
    return _reading(draft, _once(draft, frame, names["text"][0]))


def _draft(table: Table, names: Names) -> Draft:
    columns = [c for several in names.values() for c in several]
    draft = Draft(table.records([*columns, *rule_columns(table)]))
    draft.fine &= counted(draft) & ~absent(draft.records.columns[names["text"][0]])
    if "unit" not in names:
        draft.every_unit()
        return draft
    every = absent(joined([draft.records.columns[c] for c in names["unit"]]))
    for column in names["unit"]:
        every &= absent(draft.records.columns[column])
    used = draft.fine.copy()
    draft.fine &= ~every
    draft.units(names["unit"])
    draft.fine |= used & every
    draft.unit_id[every] = EVERY_UNIT
    return draft


def _weeks(draft: Draft, names: Names) -> Int64s:
    if "date" not in names:
        return weeks_of(draft, names)
    column = names["date"][0]
    days = days_of(draft, column)
    draft.refuse(
        np.isnat(days),
        column,
        None,
        "no-date",
        f"the note has no date ({column!r} is empty)",
        "give the day that it is about, or leave the row out",
    )
    return week_numbers(draft.file.calendar, days)


def _written(draft: Draft, names: Names) -> Days:
    """(N,) days of writing, NaT where none is told."""
    if "written" not in names:
        return np.full(len(draft.records), np.datetime64("NaT", "D"))
    column = names["written"][0]
    days = days_of(draft, column)
    draft.refuse(
        days > np.datetime64(draft.file.received, "D"),
        column,
        draft.records.columns[column],
        "written-after-receipt",
        f"written after the day the file was received, {draft.file.received}",
        "correct the day, or received_date in drop.yaml",
    )
    return days


def _refuse_future(draft: Draft, names: Names, weeks: Int64s) -> None:
    """A note of a week that had not begun is refused; one after `until` is not read."""
    file, column = draft.file, names.get("date", names.get("week", ("",)))[0]
    draft.refuse(
        weeks > file.calendar.week_no_of_date(file.received),
        column,
        draft.records.columns[column],
        "future-date",
        f"the note is of a week after the day the file was received, {file.received}",
        "correct its week, or received_date in drop.yaml",
    )
    if file.until is not None:
        draft.fine &= weeks <= file.until


def _texts(draft: Draft, column: str) -> list[NoteText]:
    most, raw = options_of(draft.file).max_characters, draft.records.columns[column]
    nothing = NoteText("", True)
    found = [nothing if t is None else clean_note(str(t), most) for t in raw]
    empty = np.array([not one.text for one in found], dtype=bool)
    draft.refuse(
        empty,
        column,
        None,
        "no-text",
        "nothing is left of the note but markup",
        "deliver plain text",
    )
    told = [one for one, fine in zip(found, draft.fine, strict=True) if fine]
    for level, code, n, what, fix in (
        (
            Level.WARNING,
            "personal-data-masked",
            sum(one.masked for one in told),
            f"long numbers or addresses, which may be a person's; {MASK} stands in their place",
            "leave out of notes whatever names a person; names cannot be found by a rule",
        ),
        (
            Level.INFO,
            "note-cut",
            sum(one.cut for one in told),
            f"more than {most} characters; {CUT} stands for the rest",
            "nothing to do, or raise the input's `options: {max_characters: ...}`",
        ),
        (
            Level.INFO,
            "note-markup",
            sum(not one.plain for one in told),
            "markup or characters that nobody sees, which were left out",
            "nothing to do",
        ),
    ):
        if n:
            draft.note(level, code, f"{n} notes have {what}", fix, rows=n)
    return found


def _kinds(draft: Draft, names: Names) -> list[str]:
    if "kind" not in names:
        return [""] * len(draft.records)
    told = draft.records.columns[names["kind"][0]]
    return ["" if t is None else clean_note(str(t), _MOST_OF_KIND).text.casefold() for t in told]


def _frame(
    draft: Draft, weeks: Int64s, kinds: list[str], texts: list[NoteText], written: Days
) -> pd.DataFrame:
    at: Bools = draft.fine
    frame = pd.DataFrame(
        {
            "file": draft.file.named,
            "row": draft.records.rows,
            "unit_id": draft.unit_id,
            "week_no": weeks,
            "kind": kinds,
            "text": [one.text for one in texts],
            "written": ["" if np.isnat(day) else str(day) for day in written],
            "latency_days": draft.file.config.latency_days,
        }
    )
    return frame[at][list(NOTE_COLUMNS)].reset_index(drop=True)


def _once(draft: Draft, frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Each note once; of several the first is kept, because nobody can tell which is right."""
    again = frame.duplicated(_KEY)
    same = frame.duplicated([*_KEY, "text"])
    for rows, code, detail in (
        (frame[same], "repeated-note", "the same note is there already; the first is kept"),
        (
            frame[again & ~same],
            "conflicting-notes",
            "another note of this unit, week, kind and day of writing is there; the first is kept",
        ),
    ):
        fix = "deliver one note, or give them a `kind` or day of writing (`written`) of their own"
        nothing: Texts = np.full(len(rows), "", dtype=object)
        draft.refuse_rows(rows["row"].to_numpy(), column, nothing, code, detail, fix)
    return frame[~again].reset_index(drop=True)


def _reading(draft: Draft, notes: pd.DataFrame) -> Reading:
    made = draft.reading()
    shown = [clean_note(str(value), _MOST_OF_KIND).text for value in made.refused["value"]]
    told = [i for i in made.issues if i.code != "nothing-read" or notes.empty]
    issues = [replace(i, message=clean_note(i.message, _MOST_OF_ISSUE).text) for i in told]
    return Reading(
        refused=made.refused.assign(value=shown),
        issues=tuple(issues),
        n_received=made.n_received,
        notes=notes,
    )
