"""When the weekly cycle was due: a cron line by a place's clock."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipelines.errors import ConfigError

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))  # minute, hour, day, month, day of the week
_NAMES = {
    3: ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    4: ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
_LONGEST_DAYS = 366 * 8  # 29 February, over a century's leap year


def newest_due(cron: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The newest moment that a cron line names, not after `now`, by the clock of `zone`.

    Raises:
        ConfigError: it is no cron line, or it names no day that there is.
    """
    minutes, hours, days, months, weekdays = _fields(cron)
    starred = any(cron.split()[at].startswith("*") for at in (2, 4))
    here = now.astimezone(zone)
    for back in range(_LONGEST_DAYS):
        day = here.date() - timedelta(days=back)
        weekday = day.isoweekday() % 7
        in_month, in_week = day.day in days, weekday in weekdays
        # cron's own rule: if both are given, either is enough
        on = in_month and in_week if starred else in_month or in_week
        if day.month not in months or not on:
            continue
        for hour in sorted(hours, reverse=True):
            for minute in sorted(minutes, reverse=True):
                due = datetime.combine(day, time(hour, minute), zone)
                if due <= here:
                    return due
    raise _refused(cron, "it names no day that there is")


def _fields(cron: str) -> list[set[int]]:
    parts = cron.split()
    if len(parts) != len(_RANGES):
        raise _refused(cron, "it has not five fields")
    found = [_numbers(cron, part, at) for at, part in enumerate(parts)]
    found[4] = {number % 7 for number in found[4]}  # 7 is Sunday as well
    return found


def _numbers(cron: str, field: str, at: int) -> set[int]:
    first, last = _RANGES[at]
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        start, end = (
            (first, last - (at == 4))
            if span == "*"
            else (_number(cron, low, at), _number(cron, high or low, at))
        )
        if step and not high and span != "*":
            end = last
        every = int(step) if step.isdigit() and int(step) else 0 if step else 1
        if not every or not first <= start <= end <= last:
            raise _refused(cron, f"{part!r} cannot be read")
        found |= set(range(start, end + 1, every))
    return found


def _number(cron: str, text: str, at: int) -> int:
    names = _NAMES.get(at, ())
    if text.lower() in names:
        return names.index(text.lower()) + (at == 3)
    if not text.isdigit():
        raise _refused(cron, f"{text!r} is no number")
    return int(text)


def _refused(cron: str, why: str) -> ConfigError:
    return ConfigError(
        f"{cron!r} is no schedule: {why}",
        where="schedule",
        fix="write minute, hour, day, month and day of the week, such as `0 6 * * 1`",
    )
