"""Weeks of records: by year and week, by a week's text, or by the days a week begins or ends on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int64s, Texts
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.dates import days_of, require_weekday, week_numbers
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.names import Names
from pipelines.data.adapters.options import options_of
from pipelines.data.adapters.records import absent, distinct_of
from pipelines.data.adapters.unit_weeks import require_alike
from pipelines.data.week_test import NUMBERINGS, fitting
from pipelines.weeks import FIRST_YEAR, LAST_YEAR, Calendar

_YEAR = re.compile(r"([0-9]{4})(?:\.0+)?")
_SEASON = re.compile(r"[0-9]{4} ?[-/] ?(?:[0-9]{2}|[0-9]{4})")  # 2024-25
_WEEK = re.compile(r"([0-9]{1,2})(?:\.0+)?")
_WHOLE = re.compile(
    r"([0-9]{4})[-/ ]?(?:W|w|SE|se|S)?([0-9]{2})|([0-9]{4})[-/ ]?(?:W|w|SE|se|S)([0-9])"
)
_BARE = re.compile(r"[0-9]{4}[-/ ][0-9]{2}")  # 2018-05 may be a month
_RANGE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOW = "write weeks as 2018-W05, or year and week in two columns"


def weeks_of(draft: Draft, names: Names) -> Int64s:
    """(N,) ordinals; records without a readable week are refused, those at the end are notes.

    Raises:
        Unreadable: no column has the week, or the table counts in another calendar.
    """
    if "start" in names or "end" in names or "date" in names:
        return _by_days(draft, names)
    if "week" not in names:
        raise stop(
            "missing-column",
            "no column tells the week",
            draft.file.named,
            "name `year` and `week`, `week` as 2018-W05, `date`, or `start` and `end` in the "
            "input's `columns`",
        )
    if "year" in names:
        return _by_pair(draft, names["year"][0], names["week"][0])
    column = names["week"][0]
    if any(t is not None and _RANGE.fullmatch(t) for t in draft.records.columns[column][:100]):
        return _by_range(draft, column)
    return _by_text(draft, column)


def _by_days(draft: Draft, names: Names) -> Int64s:
    single = next(n for n in ("start", "date", "end") if n in names)
    column = names[single][0]
    draft.leave_notes(absent(draft.records.columns[column]))
    if "start" in names and "end" in names:
        return _from_to(draft, column, days_of(draft, column), days_of(draft, names["end"][0]))
    edge: Any = options_of(draft.file).date_is or (None if single == "date" else single)
    days = days_of(draft, column)
    _refuse_missing(draft, column)
    return require_weekday(draft, column, days, edge)


def _refuse_missing(draft: Draft, column: str) -> None:
    draft.refuse(
        absent(draft.records.columns[column]),
        column,
        None,
        "no-week",
        f"the record has no week ({column!r} is empty)",
        "give its week, or leave the row out",
    )


def _by_range(draft: Draft, column: str) -> Int64s:
    text = draft.records.columns[column]
    draft.leave_notes(absent(text))
    wrong = np.array([t is not None and not _RANGE.fullmatch(t) for t in text], dtype=bool)
    draft.refuse(
        wrong,
        column,
        text,
        "not-a-week",
        "not two days with a slash between, as in the other rows",
        _HOW,
    )
    both = [
        [None, None] if t is None or w else t.split("/") for t, w in zip(text, wrong, strict=True)
    ]
    for at, name in enumerate(("first day", "last day")):
        draft.records.columns[f"{column}, {name}"] = np.array([b[at] for b in both], dtype=object)
    _refuse_missing(draft, column)
    ends = [days_of(draft, f"{column}, {name}") for name in ("first day", "last day")]
    return _from_to(draft, f"{column}, first day", ends[0], ends[1])


def _from_to(draft: Draft, column: str, first: Any, last: Any) -> Int64s:
    text = draft.records.columns[column]
    known = ~np.isnat(first) & ~np.isnat(last)
    _refuse_missing(draft, column)
    draft.refuse(~known, column, text, "no-week", "the record has no last day", "give both days")
    length = (last - first).astype(np.int64) + 1
    draft.refuse(
        known & (length != 7),
        column,
        text,
        "not-one-week",
        "the record does not cover seven days",
        "deliver weekly counts; other periods cannot be split",
    )
    return require_weekday(draft, column, first, "start")


def _by_pair(draft: Draft, year_column: str, week_column: str) -> Int64s:
    year_text, week_text = (draft.records.columns[c] for c in (year_column, week_column))
    draft.leave_notes(absent(year_text) | absent(week_text))
    _refuse_missing(draft, year_column)
    _refuse_missing(draft, week_column)
    year, week = _numbers(year_text, _YEAR), _numbers(week_text, _WEEK)
    whole = [_pair(t) if len(str(t)) > 4 else (-1, -1) for t in pd.unique(week_text)]
    if any(y > 0 for y, _ in whole):  # a week column that holds the year as well: 201805
        return _by_text(draft, week_column)
    seasons = np.array([bool(_SEASON.fullmatch(str(t))) for t in year_text], dtype=bool)
    draft.refuse(
        seasons,
        year_column,
        year_text,
        "season-not-year",
        "a season of two years, not the year of a week",
        "name the calendar year that each week belongs to, such as 2018",
    )
    draft.refuse(
        year < 0,
        year_column,
        year_text,
        "not-a-year",
        "not a year of four digits",
        "write the year as 2018",
    )
    draft.refuse(week < 0, week_column, week_text, "not-a-week", "not the number of a week", _HOW)
    return numbered(draft, year, week, week_column, week_text)


def _by_text(draft: Draft, column: str) -> Int64s:
    text = draft.records.columns[column]
    draft.leave_notes(absent(text))
    _refuse_missing(draft, column)
    codes, distinct = distinct_of(text)
    pairs = np.array([_pair(t) for t in distinct] or np.zeros((0, 2)), dtype=np.int64)[codes]
    _refuse_months(draft, column, list(distinct))
    draft.refuse(
        pairs[:, 0] < 0,
        column,
        text,
        "not-a-week",
        "not a week such as 2018-W05 or 201805; a text such as 2018-05 may be a month",
        _HOW,
    )
    return numbered(draft, pairs[:, 0], pairs[:, 1], column, text)


def _refuse_months(draft: Draft, column: str, texts: Sequence[str | None]) -> None:
    """201801..201812 year after year are months under the name of a week."""
    given = [t for t in texts if t is not None]
    if len(given) >= 12 and all(re.fullmatch(r"[0-9]{4}(?:0[1-9]|1[0-2])", t) for t in given):
        raise stop(
            "months-not-weeks",
            f"{column!r} holds {given[0]} to {given[-1]} and never a number above 12: months, not "
            "weeks",
            draft.file.named,
            "deliver weekly counts",
        )


def _pair(text: str | None) -> tuple[int, int]:
    found = None if text is None or _BARE.fullmatch(text) else _WHOLE.fullmatch(text)
    if not found:
        return -1, -1
    return int(found[1] or found[3]), int(found[2] or found[4])


def _numbers(text: Texts, pattern: re.Pattern[str]) -> Int64s:
    codes, distinct = distinct_of(text)
    found = [pattern.fullmatch(t) if t is not None else None for t in distinct]
    out: Int64s = np.array([int(f[1]) if f else -1 for f in found], dtype=np.int64)[codes]
    return out


def numbered(draft: Draft, year: Int64s, week: Int64s, column: str, text: Texts) -> Int64s:
    """Ordinals of (year, week); a week that its year has not is refused.

    Raises:
        Unreadable: the table's weeks 53 are those of another numbering.
    """
    calendar = draft.file.calendar
    usable = draft.fine & (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (week >= 1) & (week <= 53)
    require_alike(draft, usable, year, week)
    require_numbering(draft, year[usable], week[usable])
    codes, pairs = pd.factorize(pd.MultiIndex.from_arrays([year, week]))
    has = np.array([calendar.has(int(y), int(w)) for y, w in pairs], dtype=bool)[codes]
    number = np.array(
        [calendar.number(int(y), int(w)) if calendar.has(int(y), int(w)) else 0 for y, w in pairs],
        dtype=np.int64,
    )[codes]
    _refuse_weeks(draft, ~has, year, week, column, text)
    return number


def _refuse_weeks(
    draft: Draft, wrong: Bools, year: Int64s, week: Int64s, column: str, text: Texts
) -> None:
    detail: Texts = np.full(len(year), "", dtype=object)
    for at in np.flatnonzero(wrong & draft.fine):
        detail[at] = f"{year[at]} has no week {week[at]} in {draft.file.calendar.name}"
    draft.refuse(
        wrong,
        column,
        text,
        "no-such-week",
        detail,
        "correct the week: a year has 52, some have 53, none has more",
    )


def require_numbering(draft: Draft, year: Int64s, week: Int64s) -> None:
    """Raise Unreadable if the weeks 53 are those of CDC or ISO weeks and not of the
    declared ones."""
    calendar = draft.file.calendar
    if options_of(draft.file).week_53 == "as_declared":
        return
    fit = fitting(year, week, {"declared": calendar, **NUMBERINGS})
    if not (week == 53).any() or "declared" in fit or not fit:
        return
    other = NUMBERINGS[fit[0]]
    raise stop(
        "other-numbering",
        f"this table counts {other.name.split(',')[0]}: {_signs(calendar, other, year, week)}",
        draft.file.named,
        f"set place.week.numbering: {fit[0]} in the profile; if single records are wrong instead, "
        "correct them, or set the input's `options: {week_53: as_declared}`, which refuses them",
    )


def _signs(declared: Calendar, other: Calendar, year: Int64s, week: Int64s) -> str:
    seen = sorted({int(y) for y in year[week == 53]})
    wrong = [str(y) for y in seen if not declared.has(y, 53)]
    if wrong:
        return f"it has a week 53 in {', '.join(wrong)}, where {declared.name} have none"
    years = range(int(year.min()), int(year.max()))
    lacking = [
        str(y) for y in years if declared.has(y, 53) and not other.has(y, 53) and y not in seen
    ]
    return (
        f"it has a week 53 in {', '.join(map(str, seen))} and none in {', '.join(lacking)}, where "
        f"{declared.name} have one"
    )


def running_week(draft: Draft, days: Any) -> int:
    """Ordinal of the newest week that a file's newest day completes."""
    newest = np.max(days[~np.isnat(days)])
    return (
        int(week_numbers(draft.file.calendar, np.array([newest + np.timedelta64(1, "D")]))[0]) - 1
    )
