"""Epidemiological weeks: the one calendar of the project (CDC, Sunday to Saturday, with week 53).

Belongs here: conversion between a week's label ("2018-w48"), its last day (a Saturday) and its
ordinal. Ordinals count Saturdays from 2000-01-01, so that lags and horizons are integer
arithmetic on real weeks and never on column offsets.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Annotated

from epiweeks import Week
from pydantic import AfterValidator

from pipelines.errors import ConfigError

_EPOCH_SATURDAY = date(2000, 1, 1)
FIRST_YEAR, LAST_YEAR = 1900, 2199  # beyond, a typing error; and dates end at the year 9999
_LABEL = re.compile(r"([0-9]{4})-w([0-9]{2})")


@lru_cache(maxsize=8192)
def week_no(label: str) -> int:
    """Ordinal of a week label such as "2018-w48". Raises ConfigError if there is no such week."""
    found = _LABEL.fullmatch(label)
    try:
        known = found and FIRST_YEAR <= int(found[1]) <= LAST_YEAR
        week = Week(int(found[1]), int(found[2]), system="cdc") if found and known else None
    except ValueError:
        week = None
    if week is None:
        raise ConfigError(
            f"{label!r} is not an epidemiological week",
            fix="write it as 2018-w48 (CDC weeks, Sunday to Saturday; only some years have a w53)",
        )
    return week_no_of_date(week.enddate())


def _checked(label: str) -> str:
    """As pydantic wants it: a ValueError, so that the field is named beside it."""
    try:
        week_no(label)
    except ConfigError as err:
        raise ValueError(f"{err.what}; {err.fix}") from err
    return label


WeekLabel = Annotated[str, AfterValidator(_checked)]  # a field that names a week


def week_no_of_date(day: date) -> int:
    """Ordinal of the week that contains the day."""
    return -(-(day - _EPOCH_SATURDAY).days // 7)


def week_end(number: int) -> date:
    """Last day (Saturday) of the week with this ordinal."""
    return _EPOCH_SATURDAY + timedelta(days=7 * int(number))


@lru_cache(maxsize=8192)
def week_label(number: int) -> str:
    """Label of the week with this ordinal, such as "2018-w48"."""
    week = Week.fromdate(week_end(number), system="cdc")
    return f"{week.year}-w{week.week:02d}"


def epi_year(number: int) -> int:
    """Epidemiological year of the week with this ordinal."""
    return int(week_label(number)[:4])


def weeks_in_year(year: int) -> int:
    """Number of weeks in an epidemiological year: 52 or 53."""
    return week_no(f"{year + 1}-w01") - week_no(f"{year}-w01")
