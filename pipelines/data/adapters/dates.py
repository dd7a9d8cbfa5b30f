"""Days as a country writes them, and the weeks that begin or end on them.

`03/04/2021` is the 3rd of April or the 4th of March; nothing in one date tells. So an order that is
not year first must be declared, and a column in which both orders show themselves is refused.
"""

from __future__ import annotations

import re
from typing import Literal

import numpy as np

from pipelines.arrays import Bools, Days, Int64s, Texts
from pipelines.contracts import Level
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.options import options_of
from pipelines.data.adapters.records import absent, distinct_of, equals
from pipelines.data.week_test import weekdays
from pipelines.weeks import FIRST_YEAR, LAST_YEAR, WEEKDAYS, Calendar

_TIME = r"(?:[T ][0-9]{1,2}:[0-9:.]*(?:Z|[+-][0-9:]+)?)?"
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})([-/.])([0-9]{{1,2}})\2([0-9]{{1,2}}){_TIME}")
_COMPACT = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_YEAR_LAST = re.compile(rf"([0-9]{{1,2}})([-/.])([0-9]{{1,2}})\2([0-9]{{4}}){_TIME}")
_MOST = 0.95  # of a column; what the rest has is then taken as errors of single records
_FEW = 0.01  # of a column may be written in the other order before the column is in doubt
_HOW = "write every date as 2021-12-25"


def days_of(draft: Draft, column: str, whole: bool = True) -> Days:
    """(N,) days of a column, NaT where missing or refused. Raises Unreadable for an unclear order.

    Args:
        whole: a record whose date cannot be read is of no use, not only its date.
    """
    refuse = draft.refuse if whole else draft.refuse_cells
    text, order = draft.records.columns[column], draft.file.config.dates
    codes, distinct = distinct_of(text)
    shape = np.array([_shape(t) for t in distinct], dtype=object)[codes] if len(distinct) else text
    _require_order(draft, column, text, shape, order)
    days = np.array([_day(t, order) for t in distinct], dtype="datetime64[D]")[codes]
    unread = np.isnat(days) & ~absent(text)
    swapped = unread & np.array([_swapped(t, order) for t in distinct], dtype=bool)[codes]
    _name_swapped(draft, column, text, swapped, shape)
    unread &= ~swapped
    serial = unread & np.array([_is_serial(t) for t in distinct], dtype=bool)[codes]
    refuse(
        serial,
        column,
        text,
        "serial-date",
        "a spreadsheet's number of a day, not its date",
        f"format the column as dates in the spreadsheet and save it again, or {_HOW}",
    )
    unread &= ~serial
    other = unread & equals(shape, "first" if order in ("dmy", "mdy") else "last")
    refuse(
        other,
        column,
        text,
        "other-date-format",
        f"a date in another format than the rest of {column!r}",
        _HOW,
    )
    refuse(
        unread & ~other,
        column,
        text,
        "not-a-date",
        "not a day of the calendar, or not written as declared",
        f"{_HOW}, or declare the order with the input's `dates`",
    )
    return days


def _shape(text: str | None) -> str:
    if text is None:
        return ""
    if _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        return "first"
    return "last" if _YEAR_LAST.fullmatch(text) else "?"


def _require_order(draft: Draft, column: str, text: Texts, shape: Texts, order: str | None) -> None:
    """Year last without a declared order: say what the dates themselves tell about it."""
    last = equals(shape, "last")
    if order is not None or not last.any() or last.mean() < 1 - _MOST:
        return
    if equals(shape, "first").any():
        rows = sorted(
            int(draft.records.rows[np.flatnonzero(equals(shape, s))[0]]) for s in ("first", "last")
        )
        raise stop(
            "two-date-formats",
            f"column {column!r} has dates in two formats, such as rows {rows[0]} and {rows[1]}",
            f"{draft.file.named} row {max(rows)}",
            _HOW,
        )
    for choice in ("dmy", "mdy"):
        proof = [
            i
            for i in np.flatnonzero(last)
            if _swapped(text[i], "mdy" if choice == "dmy" else "dmy")
        ]
        if proof:
            at = int(draft.records.rows[proof[0]])
            raise stop(
                "date-order",
                f"the order of day and month in {column!r} is not declared; {text[proof[0]]!r} "
                f"shows that it is {choice}",
                f"{draft.file.named} row {at}",
                f"declare `dates: {choice}` of the input",
            )
    at = int(np.flatnonzero(last)[0])
    raise stop(
        "date-order",
        f"{text[at]!r} in {column!r} may be day/month or month/day, and no date of the column "
        "tells",
        f"{draft.file.named} row {draft.records.rows[at]}",
        f"declare `dates: dmy` or `dates: mdy` of the input, or {_HOW}",
    )


def _is_serial(text: str | None) -> bool:
    """Whether a text may be a day as Excel counts it: 36526 is 2000-01-01. Nothing proves it, and
    in Excel's other calendar it is four years later, so it is named and never read."""
    return text is not None and bool(re.fullmatch(r"[2-7][0-9]{4}(?:\.[0-9]+)?", text))


def _day(text: str | None, order: str | None) -> np.datetime64:
    """A day, NaT if the text is none in this order."""
    nothing = np.datetime64("NaT", "D")
    if text is None:
        return nothing
    if order in ("dmy", "mdy"):
        if not (found := _YEAR_LAST.fullmatch(text)):
            return nothing
        day, month = (found[1], found[3]) if order == "dmy" else (found[3], found[1])
        return _made(found[4], month, day)
    if found := _YEAR_FIRST.fullmatch(text):
        return (
            nothing if order == "iso" and found[2] != "-" else _made(found[1], found[3], found[4])
        )
    compact = _COMPACT.fullmatch(text) if order == "ymd" else None
    return _made(*compact.groups()) if compact else nothing


def _made(year: str, month: str, day: str) -> np.datetime64:
    try:
        made = np.datetime64(f"{year}-{int(month):02d}-{int(day):02d}", "D")
    except ValueError:
        return np.datetime64("NaT", "D")
    return made if FIRST_YEAR <= int(year) <= LAST_YEAR else np.datetime64("NaT", "D")


def _swapped(text: str | None, order: str | None) -> bool:
    """Whether a date can be one only if day and month change places."""
    other = {"dmy": "mdy", "mdy": "dmy"}.get(order or "")
    return bool(other) and bool(np.isnat(_day(text, order))) and not np.isnat(_day(text, other))


def _name_swapped(draft: Draft, column: str, text: Texts, swapped: Bools, shape: Texts) -> None:
    n = int(swapped.sum())
    if not n:
        return
    rows = draft.records.rows[np.flatnonzero(swapped)]
    if n > _FEW * equals(shape, "last").sum():
        listed = ", ".join(map(str, rows[:5]))
        raise stop(
            "two-date-formats",
            f"{n} dates of column {column!r} have day and month the other way round, so that none "
            f"of its dates can be relied on: rows {listed}",
            f"{draft.file.named} row {rows[0]}",
            _HOW,
            n,
        )
    draft.note(
        Level.WARNING,
        "day-month-swapped",
        f"{n} dates of column {column!r} have day and month the other way round and were refused; "
        "others may have it too, unseen, where the day is 12 or less",
        _HOW,
        int(rows[0]),
        n,
    )
    draft.refuse(
        swapped,
        column,
        text,
        "day-month-swapped",
        "day and month are the other way round than declared",
        _HOW,
    )


def week_numbers(calendar: Calendar, days: Days) -> Int64s:
    """(N,) ordinals of the weeks that hold the days; 0 for NaT."""
    known = ~np.isnat(days)
    end = int(np.datetime64(calendar.first_end, "D").astype(np.int64))
    out = np.zeros(len(days), dtype=np.int64)
    out[known] = -((end - days[known].astype(np.int64)) // 7)
    return out


def require_weekday(
    draft: Draft, column: str, days: Days, edge: Literal["start", "end"] | None
) -> Int64s:
    """Weeks of days that are first (or last) days of weeks; others are refused.

    Raises:
        Unreadable: most of the days are no first or last day of the declared calendar's weeks.
    """
    calendar, text = draft.file.calendar, draft.records.columns[column]
    first = WEEKDAYS.index(calendar.starts)
    found = weekdays(days[draft.fine])
    total = sum(found.values())
    expected = {"start": first, "end": (first - 1) % 7}
    choices = [edge] if edge else list(expected)
    best = max(choices, key=lambda e: found.get(expected[e], 0))
    if total and found.get(expected[best], 0) < _MOST * total:
        raise _other_weekdays(draft, column, days, found, best)
    weekday = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
    wrong = (weekday != expected[best]) & ~np.isnat(days)
    draft.refuse(
        wrong,
        column,
        text,
        "not-a-week-day",
        f"a {'first' if best == 'start' else 'last'} day of a week is a "
        f"{WEEKDAYS[expected[best]].capitalize()} in the declared calendar",
        "correct the date",
    )
    return week_numbers(calendar, days)


def _other_weekdays(
    draft: Draft, column: str, days: Days, found: dict[int, int], edge: str
) -> Exception:
    ranked = sorted(found, key=lambda d: -found[d])
    total, place = sum(found.values()), f"{draft.file.named} row {draft.records.rows[0]}"
    named = [f"{WEEKDAYS[d].capitalize()} ({found[d] / total:.0%})" for d in ranked[:3]]
    known = days[~np.isnat(days)]
    if (known == known.astype("datetime64[M]").astype("datetime64[D]")).mean() >= _MOST:
        return stop(
            "monthly-dates",
            f"the dates of {column!r} are first days of months: counts by month, not by week",
            place,
            "deliver weekly counts; a month's cannot be split",
        )
    declared = f"weeks of the declared calendar begin on {draft.file.calendar.starts.capitalize()}"
    if found[ranked[0]] >= _MOST * total:
        begins = ranked[0] if edge == "start" else (ranked[0] + 1) % 7
        other = (
            ""
            if options_of(draft.file).date_is
            else f", or, if these are last days of weeks, to {_week(ranked[0] + 1)}"
        )
        return stop(
            "other-week-days",
            f"the weeks of {column!r} stand on {named[0]}, but {declared}",
            place,
            f"set place.week to {_week(begins)}{other}",
        )
    if len(found) == 2:
        rows = [int(draft.records.rows[np.flatnonzero(_weekday(days) == d)[0]]) for d in ranked]
        rows.sort()
        return stop(
            "mixed-calendars",
            f"the dates of {column!r} stand on {named[0]} and {named[1]}, such as rows {rows[0]} "
            f"and {rows[1]}: two calendars in one table",
            place,
            "deliver all weeks in one calendar, each from its own days",
        )
    return stop(
        "daily-dates",
        f"the dates of {column!r} stand on {len(found)} weekdays, such as {', '.join(named)}: "
        f"counts by day, not by week; {declared}",
        place,
        "count them by week with `adapter: line_list` and `columns: {onset: ..., cases: ...}`, "
        "climate with `adapter: series`",
    )


def _weekday(days: Days) -> Int64s:
    out: Int64s = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return out


def _week(weekday: int) -> str:
    """How a calendar that begins on a weekday is declared."""
    starts = WEEKDAYS[weekday % 7]
    return {"sunday": "{numbering: cdc}", "monday": "{numbering: iso}"}.get(
        starts, f"{{numbering: iso, starts: {starts}}}"
    )
