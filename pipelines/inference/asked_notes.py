"""Notes of a row in plain fields, under the rule of a run: none that its origin did not know."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from pipelines.data.known_notes import KnownNotes, known_notes
from pipelines.data.note_text import clean_note
from pipelines.errors import ConfigError
from pipelines.inference.asked_row import AskedNote, PredictionRow
from pipelines.weeks import Calendar

_MOST_OF_ONE = 500  # characters, as of a drop


def asked_notes(row: PredictionRow, calendar: Calendar) -> KnownNotes | None:
    """The notes of a row as a prompt may hold them, None if it has none.

    Raises:
        ConfigError: a note is of a later week than the origin's, or became known after it.
    """
    if not row.notes:
        return None
    origin = calendar.week_no(row.origin_week)
    end = calendar.week_end(origin)
    days = [_known(note, row, calendar, end) for note in row.notes]
    frame = pd.DataFrame(
        {
            "unit_id": row.municipality_code,
            "week_no": [calendar.week_no(note.week) for note in row.notes],
            "kind": [note.kind.casefold() for note in row.notes],
            "text": [clean_note(note.text, _MOST_OF_ONE).text for note in row.notes],
            "known_date": days,
            "received_date": days,
        }
    )
    known_from = np.full(len(frame), origin, dtype=np.int64)
    return known_notes(frame, (row.municipality_code,), known_from)


def _known(note: AskedNote, row: PredictionRow, calendar: Calendar, end: date) -> date:
    day = end if note.known is None else date.fromisoformat(note.known)
    if day > end or calendar.week_start(calendar.week_no(note.week)) > end:
        raise ConfigError(
            f"a note of {note.week}, known since {day}, is not known in {row.origin_week}",
            where=row.municipality_code,
            fix="send notes that were known by the end of the origin week",
        )
    return day
