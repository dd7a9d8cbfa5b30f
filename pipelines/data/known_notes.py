"""Notes that an origin knows, newest first: the rule, and the guard that asks it again by days.

A note is known at an origin if neither its week nor its known day (note_vintages.py) lies after the
origin week; of several versions of one note that are known the one received last counts.
Shape letters: N versions of notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int64s, Texts
from pipelines.data.raw import EVERY_UNIT
from pipelines.data_config import NotesPolicy
from pipelines.errors import LeakageError
from pipelines.weeks import Calendar

_OF_ALL = -1  # in place of a unit's row


@dataclass(frozen=True)
class Note:
    """One note as a prompt may hold it."""

    week_no: int
    known_date: date
    text: str


@dataclass(frozen=True)
class KnownNotes:
    """Versions of the notes of some units, oldest receipt first, then by the day they were known.

    Attributes:
        unit: (N,) row of the matrices, -1 of a note about all units.
        week: (N,) ordinal of the week that it is about.
        known_from: (N,) first origin week that knows it.
        kind, text: (N,); an empty text takes the note back.
        known_date: (N,) days.
    """

    unit: Int64s
    week: Int64s
    known_from: Int64s
    kind: Texts
    text: Texts
    known_date: Texts

    def newest(self, unit: int, origin: int, policy: NotesPolicy) -> list[Note]:
        """At most `policy.max_notes` notes that the origin knows of a unit, newest week first."""
        at = self._of_unit.get(unit, self._of_all)
        at = at[self._usable(at, origin, policy.max_age_weeks)]
        last = {(self.unit[i], self.week[i], self.kind[i]): i for i in at}
        told = sorted(last, key=lambda key: (-key[1], -key[0], key[2]))
        chosen = [last[key] for key in told if self.text[last[key]]][: policy.max_notes]
        return [Note(int(self.week[i]), self.known_date[i], self.text[i]) for i in chosen]

    def _usable(self, at: Int64s, origin: int, max_age_weeks: int) -> Bools:
        week = self.week[at]
        known: Bools = (self.known_from[at] <= origin) & (week <= origin)
        return known & (week > origin - max_age_weeks)

    @cached_property
    def _of_all(self) -> Int64s:
        return np.flatnonzero(self.unit == _OF_ALL)

    @cached_property
    def _of_unit(self) -> Mapping[int, Int64s]:
        """Row of a unit that has notes of its own -> places of these and of those about all."""
        of_all = self.unit == _OF_ALL
        units = np.unique(self.unit[~of_all])
        return {int(u): np.flatnonzero(of_all | (self.unit == u)) for u in units}

    def blinded(self, origin_week_no: int, noise: np.random.Generator) -> KnownNotes:
        """The same with noise in the place of what the origin does not know."""
        # The rule written a second time on purpose: a mistake in the first must not hide itself.
        later = (self.known_from > origin_week_no) | (self.week > origin_week_no)
        made = np.array([f"noise {n}" for n in noise.integers(0, 10**9, len(later))], dtype=object)
        return replace(self, text=np.where(later, made, self.text))


def known_notes(
    notes: pd.DataFrame, units: tuple[str, ...], known_from: Int64s
) -> KnownNotes | None:
    """Notes of these units, None if there are none.

    Args:
        notes: Tables.notes.
        known_from: (len(notes),) first origin week at whose end each known_date has passed.
    """
    place = {unit: row for row, unit in enumerate(units)} | {EVERY_UNIT: _OF_ALL}
    mine = notes.assign(known_from=known_from)[notes["unit_id"].isin(place)]
    if mine.empty:
        return None
    mine = mine.sort_values(["received_date", "known_date"], kind="stable")
    return KnownNotes(
        unit=np.array([place[unit] for unit in mine["unit_id"]], dtype=np.int64),
        week=mine["week_no"].to_numpy(np.int64),
        known_from=mine["known_from"].to_numpy(np.int64),
        kind=mine["kind"].to_numpy(dtype=object),
        text=mine["text"].to_numpy(dtype=object),
        known_date=mine["known_date"].to_numpy(dtype=object),
    )


def guard_notes(notes: Iterable[Note], origin: int, calendar: Calendar, unit: str) -> None:
    """Fail if a note of a prompt is of a later week than its origin, or became known after it.

    Raises:
        LeakageError: naming the unit, the origin and the note's day.
    """
    end = calendar.week_end(origin)
    for note in notes:
        if note.known_date > end or calendar.week_start(note.week_no) > end:
            raise LeakageError(
                f"the prompt of week {calendar.week_label(origin)} holds a note of week "
                f"{calendar.week_label(note.week_no)} that is known since {note.known_date} only",
                where=unit,
                fix="choose notes only by pipelines.data.known_notes.KnownNotes.newest",
            )
