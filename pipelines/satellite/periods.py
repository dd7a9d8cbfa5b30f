"""The compositing periods of the weeks that are asked for, and the newest ones."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from pipelines.data.months import month_end, month_no
from pipelines.errors import ConfigError
from pipelines.weeks import Calendar


@dataclass(frozen=True)
class Period:
    """A week or a month, both days included. A scene's file is named by the first."""

    first: date
    last: date


def newest_periods(
    kind: Literal["week", "month"], calendar: Calendar, count: int, settled_days: int, today: date
) -> list[Period]:
    """The newest periods that are over, the newest first: so many, and those before them that
    ended within settled_days, whose scenes may still become better."""
    still = today - timedelta(days=settled_days)
    found: list[Period] = []
    for n in itertools.count():
        one = _week_ago(calendar, today, n) if kind == "week" else _month_ago(today, n)
        if n >= count and one.last < still:
            break
        found.append(one)
    return found


def _week_ago(calendar: Calendar, today: date, n: int) -> Period:
    """The n-th week before the last that is over."""
    no = calendar.week_no_of_date(today) - 1 - n
    return Period(calendar.week_start(no), calendar.week_end(no))


def _month_ago(today: date, n: int) -> Period:
    """The n-th month before the last that is over."""
    last = month_end(month_no(today.year, today.month) - 1 - n)
    return Period(last.replace(day=1), last)


def periods(
    kind: Literal["week", "month"], calendar: Calendar, start: str, end: str | None, today: date
) -> list[Period]:
    """Periods that are over, the newest first: what is needed soonest is fetched soonest.

    Args:
        start, end: labels of the first and the last week; None: the newest. A month belongs to them
            if it ends in one of them.

    Raises:
        ConfigError: no such week, or no period of these is over.
    """
    first = calendar.week_no(start)
    newest = calendar.week_no_of_date(today) - 1
    last = newest if end is None else min(calendar.week_no(end), newest)
    if kind == "week":
        weeks = range(first, last + 1)
        found = [Period(calendar.week_start(n), calendar.week_end(n)) for n in weeks]
    else:
        since, until = calendar.week_start(first), calendar.week_end(last)
        months = range(month_no(since.year, since.month), month_no(until.year, until.month) + 1)
        ends = [month_end(n) for n in months]
        found = [Period(day.replace(day=1), day) for day in ends if day <= until]
    if not found:
        raise ConfigError(
            f"no {kind} from {start} to {end or 'today'} is over",
            fix="ask for earlier weeks: a scene is made of a whole period",
        )
    return found[::-1]
