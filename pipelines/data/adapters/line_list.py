"""The adapter `line_list`: one record a person, counted by unit and week while it is read.

Columns: unit (several are joined with "/"); onset (a date), or year and week, or week (201805);
optionally reported (a date), and cases where a record stands for several. Age, sex and whatever
else stands in the file is never read. `keep` and `leave_out` say which records count.

Order matters: units and the newest complete week come from all records, those that do not count
included; then the rules apply; then every absent unit-week of that span is 0. A record that counts
for nothing still shows that its unit reports and how far the file goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Days, Float64s, Int64s
from pipelines.contracts import Level
from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.dates import days_of, week_numbers
from pipelines.data.adapters.draft import Draft, last_ended
from pipelines.data.adapters.figures import figures
from pipelines.data.adapters.names import Names, choose, require
from pipelines.data.adapters.records import Table, absent, open_table
from pipelines.data.adapters.rules import counted, rule_columns
from pipelines.data.adapters.times import weeks_of
from pipelines.data.raw import CELL_COLUMNS

_OURS = ("year", "week", "onset", "reported")
_LONELY_WEEKS, _LONELY_SHARE = 52, 0.001  # records so far before all others are typing errors


@dataclass(frozen=True)
class _Times:
    """Week of each record and of its report (-1 if not known), and the file's newest
    complete week."""

    column: str
    week: Int64s
    reported: Int64s | None
    last: int


@guarded
def read(file: InputFile) -> Reading:
    """Counts of a line list by unit and week; no record leaves."""
    table = open_table(file)
    names = choose(table, _OURS)
    require(table, names, "unit")
    draft = _draft(table, names)
    times = _times(draft, names)
    first = _first_week(draft, times)
    until = times.last if file.until is None else min(times.last, file.until)
    counts = draft.fine & counted(draft)
    number = _numbers(draft, names)
    _name_running(draft, counts & (times.week > times.last), times)
    counts &= draft.fine & (times.week >= first) & (times.week <= until)
    if until < first:
        return draft.reading()
    draft.add_cells(_cells(draft, times, counts, number, first, until))
    return draft.reading(_delays(draft, times, counts, number), (first, until))


def _draft(table: Table, names: Names) -> Draft:
    wanted = [c for our in ("unit", *_OURS, "cases") for c in names.get(our, ())]
    draft = Draft(table.records([*wanted, *rule_columns(table)]))
    draft.units(names["unit"])
    return draft


def _times(draft: Draft, names: Names) -> _Times:
    calendar, ended = draft.file.calendar, last_ended(draft.file)
    if "onset" not in names:
        column = names.get("week", ("",))[0]
        week = weeks_of(draft, names)
        text = draft.records.columns[column]
        draft.refuse(
            week > ended + 1,
            column,
            text,
            "future-date",
            f"the week is after the day the file was received, {draft.file.received}",
            "correct the week, or received_date in drop.yaml",
        )
        newest = int(week[draft.fine].max()) if draft.fine.any() else ended
        return _Times(column, week, None, min(newest, ended))
    column = names["onset"][0]
    days = _onsets(draft, column)
    reported = days_of(draft, names["reported"][0], whole=False) if "reported" in names else None
    week = week_numbers(calendar, days)
    return _Times(
        column,
        week,
        None if reported is None else _weeks_or_none(draft, reported),
        min(ended, _newest_whole(draft, days, reported)),
    )


def _onsets(draft: Draft, column: str) -> Days:
    text = draft.records.columns[column]
    days = days_of(draft, column)
    draft.refuse(
        absent(text),
        column,
        None,
        "no-onset",
        f"the record has no date ({column!r} is empty)",
        "give its date; until then it is not counted",
    )
    future = ~np.isnat(days) & (days > np.datetime64(draft.file.received, "D"))
    draft.refuse(
        future,
        column,
        text,
        "future-date",
        f"the date is after the day the file was received, {draft.file.received}",
        "correct the date, or received_date in drop.yaml",
    )
    return days


def _weeks_or_none(draft: Draft, days: Days) -> Int64s:
    return np.where(np.isnat(days), -(10**6), week_numbers(draft.file.calendar, days))


def _newest_whole(draft: Draft, onset: Days, reported: Days | None) -> int:
    """The newest week that had ended on the newest day of the file, of onset or report."""
    received = np.datetime64(draft.file.received, "D")
    known = [onset[draft.fine]]
    if reported is not None:
        known.append(reported[draft.fine & ~np.isnat(reported) & (reported <= received)])
    days = np.concatenate(known)
    if not len(days):
        return last_ended(draft.file)
    after = np.array([days.max() + np.timedelta64(1, "D")])
    return int(week_numbers(draft.file.calendar, after)[0]) - 1


def _first_week(draft: Draft, times: _Times) -> int:
    """First week of the file, after a few records a year before all others were refused."""
    weeks, n = np.unique(times.week[draft.fine], return_counts=True)
    if not len(weeks):
        return times.last + 1
    gaps = np.flatnonzero(
        (np.diff(weeks) > _LONELY_WEEKS) & (np.cumsum(n)[:-1] <= max(1, _LONELY_SHARE * n.sum()))
    )
    if len(gaps):
        first = int(weeks[gaps[-1] + 1])
        draft.refuse(
            times.week < first,
            times.column,
            draft.records.columns[times.column],
            "lonely-date",
            "more than a year before almost every other record",
            "correct the date; until then it is not counted",
        )
        return first
    return int(weeks[0])


def _numbers(draft: Draft, names: Names) -> Float64s:
    """(N,) persons that each record stands for."""
    if "cases" not in names:
        return np.ones(len(draft.records))
    column = names["cases"][0]
    text = draft.records.columns[column]
    _, number, odd = figures(text, draft.file.config.decimal)
    bad = odd | ~np.isfinite(number) | (number < 0) | (number % 1 != 0)
    draft.refuse(
        bad, column, text, "text-in-number", "not a number of cases", "write a plain whole number"
    )
    return np.where(np.isfinite(number), number, 0)


def _name_running(draft: Draft, later: Bools, times: _Times) -> None:
    if n := int(later.sum()):
        week = draft.file.calendar.week_label(times.last)
        draft.note(
            Level.INFO,
            "week-not-whole",
            f"{n} records are of the week that the file does not hold whole; counts end with "
            f"{week}",
            "nothing to do",
            rows=n,
        )


def _cells(
    draft: Draft, times: _Times, counts: Bools, number: Float64s, first: int, last: int
) -> pd.DataFrame:
    """One cell a unit and week of the span, 0 where no record counts."""
    known: Bools = draft.fine & ~absent(draft.unit_id)
    _, units = pd.factorize(draft.unit_id[known])
    at = pd.Index(units).get_indexer(pd.Index(draft.unit_id[counts]))
    n_weeks = last - first + 1
    flat = at * n_weeks + (times.week[counts] - first)
    total = np.bincount(flat, number[counts], minlength=len(units) * n_weeks).astype(np.int64)
    unit_row = (
        pd.Series(draft.unit_row[known], index=draft.unit_id[known])
        .groupby(level=0)
        .first()
        .reindex(units)
        .to_numpy()
    )
    row = np.repeat(unit_row, n_weeks)
    row[flat[::-1]] = draft.records.rows[counts][::-1]  # the first record of each stands last
    shown, distinct = pd.factorize(total)
    frame = pd.DataFrame(
        {
            "file": draft.file.named,
            "row": row,
            "column": times.column,
            "unit_id": np.repeat(np.asarray(units, dtype=object), n_weeks),
            "kind": "week",
            "clean": "",
            "when": np.tile(np.arange(first, last + 1), len(units)),
            "value": np.array([str(d) for d in distinct], dtype=object)[shown],
            "number": total.astype(np.float64),
            "unit_row": np.repeat(unit_row, n_weeks),
        }
    )
    return frame[list(CELL_COLUMNS)]


def _delays(draft: Draft, times: _Times, counts: Bools, number: Float64s) -> pd.DataFrame | None:
    """Cases by unit, week of onset and weeks until their report; reports before the onset
    left out."""
    if times.reported is None:
        return None
    delay = times.reported - times.week
    before = counts & (delay < 0) & (times.reported > -(10**6))
    if n := int(before.sum()):
        draft.note(
            Level.WARNING,
            "reported-before-onset",
            f"{n} counted records were reported in a week before their onset; they have no delay",
            "correct one of the dates",
            int(draft.records.rows[np.flatnonzero(before)[0]]),
            n,
        )
    use = counts & (delay >= 0)
    frame = pd.DataFrame(
        {
            "unit_id": draft.unit_id[use],
            "week_no": times.week[use],
            "delay_weeks": delay[use],
            "cases": number[use],
        }
    )
    return frame.groupby(["unit_id", "week_no", "delay_weeks"])["cases"].sum().reset_index()
