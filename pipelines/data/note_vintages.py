"""Notes over all drops: every version, and the day from which each counts as known.

A note first brought with the day it was written is known from that day and its input's latency on;
one without is known from the receipt of the drop that brought it. A correction of what an earlier
drop said of a unit, week and kind counts from its own receipt at the earliest, whatever day stands
in it. What a drop leaves out stays as it was; a word of `data.unknown_again` takes a note back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.raw import EVERY_UNIT, RawDrop, issue
from pipelines.data.tables import Tables
from pipelines.weeks import Calendar

NOTE_KEY = ["unit_id", "week_no", "kind"]
_LATE_DAYS = 28  # from the end of a note's week to its receipt; beyond, it came with a history
_NAMED = 5
Key = tuple[str, int, str]
Versions = frozenset[tuple[str, str]]  # day of writing and text


class NewestNotes:
    """What the newest drop that named a unit, week and kind said of it."""

    def __init__(self) -> None:
        self._versions: dict[Key, Versions] = {}

    def before(self, key: Key) -> Versions | None:
        """What is said so far, None if nothing is."""
        return self._versions.get(key)

    def changed(self, notes: pd.DataFrame) -> pd.DataFrame:
        """Notes of every unit, week and kind of which a drop says another thing than before."""
        if notes.empty:
            return notes
        differing = [key for key, own in _versions_of(notes) if self._versions.get(key) != own]
        keys = pd.MultiIndex.from_frame(notes[NOTE_KEY])
        return notes[keys.isin(differing)].reset_index(drop=True)

    def learn(self, notes: pd.DataFrame) -> None:
        """Know what a drop says."""
        self._versions.update(_versions_of(notes))


def _versions_of(notes: pd.DataFrame) -> Iterator[tuple[Key, Versions]]:
    found: dict[Key, set[tuple[str, str]]] = {}
    columns = [notes[name].tolist() for name in (*NOTE_KEY, "written", "text")]
    for unit, week, kind, written, text in zip(*columns, strict=True):
        found.setdefault((unit, week, kind), set()).add((written, text))
    return ((key, frozenset(own)) for key, own in found.items())


@dataclass(frozen=True)
class NoteVintages:
    """Versions of notes, in the columns of Tables.notes, and what people should know of them."""

    notes: pd.DataFrame
    issues: tuple[Issue, ...]


def note_vintages(
    raws: Sequence[RawDrop], units: Collection[str], words: Collection[str], calendar: Calendar
) -> NoteVintages:
    """Every version of the notes of drops, oldest drop first.

    Args:
        units: that are forecast; a note of another one is named and left out.
        words: of a text that takes a note back, in any case of letters.
    """
    newest, folded = NewestNotes(), {word.casefold() for word in words}
    parts, issues = [], list[Issue]()
    for raw in raws:
        if raw.notes.empty:
            continue
        fresh = newest.changed(raw.notes)
        known = fresh["unit_id"].isin({*units, EVERY_UNIT})
        issues += _unknown_units(fresh[~known])
        versions = _dated(fresh[known], newest, raw.drop.info.received_date)
        issues += _known_late(versions, calendar)
        taken = versions["text"].str.casefold().isin(folded)
        parts.append(versions.assign(text=versions["text"].mask(taken, "")))
        newest.learn(raw.notes)
    columns = list(Tables.empty().notes.columns)
    frames = [part[columns] for part in parts if len(part)]
    notes = pd.concat(frames, ignore_index=True) if frames else Tables.empty().notes
    return NoteVintages(notes, tuple(issues))


def _dated(notes: pd.DataFrame, newest: NewestNotes, received: date) -> pd.DataFrame:
    """The notes that are new of their unit, week and kind, with known_date and received_date."""
    rows, days = [], []
    columns = (*NOTE_KEY, "written", "text", "latency_days")
    records = zip(*(notes[name].tolist() for name in columns), strict=True)
    for at, (unit, week, kind, written, text, latency) in enumerate(records):
        before = newest.before((unit, week, kind))
        if before is not None and (written, text) in before:
            continue
        day = date.fromisoformat(written) + timedelta(days=latency) if written else received
        rows.append(at)
        days.append(day if before is None else max(day, received))
    return notes.iloc[rows].assign(known_date=days, received_date=received)


def _unknown_units(notes: pd.DataFrame) -> list[Issue]:
    out = []
    for file, rows in notes.groupby("file", sort=False):
        units = sorted(set(rows["unit_id"]))
        named = ", ".join(units[:_NAMED]) + (", ..." if len(units) > _NAMED else "")
        out.append(
            issue(
                Level.WARNING,
                "notes-of-unknown-units",
                f"{len(rows)} notes are of units without cases; they are left out: {named}",
                f"{file} row {rows['row'].iloc[0]}",
                "correct the codes, or leave the unit empty where a note holds for all",
                rows=len(rows),
            )
        )
    return out


def _known_late(versions: pd.DataFrame, calendar: Calendar) -> list[Issue]:
    """Old notes without a day of writing: no earlier forecast may be tried with them."""
    pairs = zip(versions["week_no"].tolist(), versions["received_date"].tolist(), strict=True)
    ended = [calendar.week_end(week) + timedelta(days=_LATE_DAYS) < day for week, day in pairs]
    out, old = [], versions[(versions["written"] == "").to_numpy() & np.array(ended, dtype=bool)]
    for file, rows in old.groupby("file", sort=False):
        weeks = rows["week_no"].to_numpy(np.int64)
        first, last = (calendar.week_label(week) for week in (weeks.min(), weeks.max()))
        out.append(
            issue(
                Level.WARNING,
                "notes-known-from-receipt",
                f"{len(rows)} notes of past weeks do not say when they were written: they count "
                f"as known from {rows['received_date'].iloc[0]} on, and no forecast of an earlier "
                "week is tried with them",
                f"{file} row {rows['row'].iloc[0]}",
                "name the day of writing in the input's `columns: {written: ...}`, if it is known",
                f"{first}..{last}",
                len(rows),
            )
        )
    return out
