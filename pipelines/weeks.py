"""Epidemiological calendars as values: which week a day falls in, what the week is called, when it
ends.

The field numbers weeks in one way with different first days: a week belongs to the year that holds
its fourth day, so week 1 is the first with at least four days in January. With Sunday that is the
CDC's calendar (MMWR weeks), with Monday ISO 8601, with Wednesday, Thursday or Saturday DHIS2's.

Ordinals count weeks of one calendar: week 0 is the one that ends on 2000-01-01 or within six days
after it, so lags and horizons are integer arithmetic on real weeks and never on column offsets.
Ordinals of two calendars are not comparable. Labels ("2018-w48") of one calendar sort as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated, SupportsInt

from pydantic import AfterValidator

from pipelines.errors import ConfigError

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FIRST_YEAR, LAST_YEAR = 1900, 2199  # beyond, a typing error; and dates end at the year 9999
SEASON_WEEKS = 52  # places where seasons are compared; week 53 shares the place of week 52
_EPOCH = date(2000, 1, 1)  # a Saturday
_LABEL = re.compile(r"([0-9]{4})-w([0-9]{2})")
_HOW = "write it as 2018-w48"


@dataclass(frozen=True)
class Calendar:
    """The calendar whose weeks begin on one weekday.

    Attributes:
        starts: one of WEEKDAYS.
    """

    starts: str = "sunday"

    @property
    def name(self) -> str:
        """How people call it: "CDC weeks", "ISO weeks", or by its first day."""
        return _NAMES.get(self.starts, f"weeks from {self.starts.capitalize()}")

    @property
    def first_end(self) -> date:
        """Last day of week 0."""
        first_day = WEEKDAYS.index(self.starts)
        return _EPOCH + timedelta(days=(first_day - 1 - _EPOCH.weekday()) % 7)

    def week_no(self, label: str) -> int:
        """Ordinal of a week label such as "2018-w48". Raises ConfigError if there is no
        such week."""
        number = _number_of(self, label)
        if number is None:
            raise ConfigError(
                f"{label!r} is not an epidemiological week of this calendar ({self.name}; only "
                "some years have a w53)",
                fix=_HOW,
            )
        return number

    def has(self, year: int, week: int) -> bool:
        """Whether the year has that week."""
        return FIRST_YEAR <= year <= LAST_YEAR and 1 <= week <= self.weeks_in_year(year)

    def number(self, year: int, week: int) -> int:
        """Ordinal of a year's week, which need not be one that the year has."""
        return self.week_no_of_date(date(year, 1, 4)) + week - 1

    def week_no_of_date(self, day: date) -> int:
        """Ordinal of the week that contains the day."""
        return -((self.first_end - day).days // 7)

    def week_start(self, number: SupportsInt) -> date:
        """First day of the week with this ordinal."""
        return self.week_end(number) - timedelta(days=6)

    def week_end(self, number: SupportsInt) -> date:
        """Last day of the week with this ordinal."""
        return self.first_end + timedelta(days=7 * int(number))

    def week_label(self, number: SupportsInt) -> str:
        """Label of the week with this ordinal, such as "2018-w48"."""
        return _label_of(self, int(number))

    def epi_year(self, number: SupportsInt) -> int:
        """Year that the week with this ordinal belongs to."""
        return int(self.week_label(number)[:4])

    def week_of_year(self, number: SupportsInt) -> int:
        """1..53: place of the week with this ordinal in its year."""
        return int(self.week_label(number)[6:])

    def season_week(self, number: SupportsInt) -> int:
        """1..52: place of the week with this ordinal among seasons."""
        return min(self.week_of_year(number), SEASON_WEEKS)

    def weeks_in_year(self, year: int) -> int:
        """Number of weeks in a year: 52 or 53."""
        return self.number(year + 1, 1) - self.number(year, 1)


_NAMES = {"sunday": "CDC weeks, Sunday to Saturday", "monday": "ISO weeks, Monday to Sunday"}
CDC, ISO = Calendar("sunday"), Calendar("monday")


@lru_cache(maxsize=16384)
def _label_of(calendar: Calendar, number: int) -> str:
    fourth_day = calendar.week_end(number) - timedelta(days=3)
    day_of_year = fourth_day.timetuple().tm_yday
    return f"{fourth_day.year}-w{(day_of_year - 1) // 7 + 1:02d}"


@lru_cache(maxsize=16384)
def _number_of(calendar: Calendar, label: str) -> int | None:
    found = _LABEL.fullmatch(label)
    if not found or not calendar.has(int(found[1]), int(found[2])):
        return None
    return calendar.number(int(found[1]), int(found[2]))


def _shaped(label: str) -> str:
    """As pydantic wants it: a ValueError, so that the field is named beside it."""
    found = _LABEL.fullmatch(label)
    if not found or not (FIRST_YEAR <= int(found[1]) <= LAST_YEAR and 1 <= int(found[2]) <= 53):
        raise ValueError(
            f"{label!r} is not an epidemiological week (only some years have a w53); {_HOW}"
        )
    return label


# A field that names a week. Whether its year has a week 53 only the calendar of the place can say.
WeekLabel = Annotated[str, AfterValidator(_shaped)]


def cdc(starts: str | None = None) -> Calendar:
    """The calendar of `place.week: {numbering: cdc}`."""
    return Calendar(starts or "sunday")


def iso(starts: str | None = None) -> Calendar:
    """The calendar of `place.week: {numbering: iso}`; another first day makes it one of DHIS2's."""
    return Calendar(starts or "monday")


def require_label(label: str) -> str:
    """The label, if it is one in shape. Raises ConfigError if not."""
    try:
        return _shaped(label)
    except ValueError as err:
        raise ConfigError(str(err), fix=_HOW) from err
