"""Forward-in-time folds: which target weeks may be trained on, and which are judged.

Everything is in week ordinals (pipelines.weeks); no split is random. Embargo = horizon + reporting
delay: at the origin of the first judged target (`target - horizon`) cases are known up to `origin -
delay`, so no later target may have been learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipelines.config import TestYears
from pipelines.errors import ConfigError
from pipelines.weeks import Calendar

SEASON_WEEKS = 52


class Season(NamedTuple):
    """One validation season inside a training period; all three are week ordinals."""

    train_until_week_no: int  # latest training target
    first_target_week_no: int
    last_target_week_no: int  # inclusive


def embargo_weeks(horizon_weeks: int, delay_weeks: int) -> int:
    """Weeks between the latest training target and the first judged one; at least 1.

    At horizon 0 the origin week is the target week, and its cases are not known at the origin.
    """
    return max(horizon_weeks + delay_weeks, 1)


def fold_cut(first_target_week_no: int, horizon_weeks: int, delay_weeks: int) -> int:
    """Latest training target week when the first judged target is `first_target_week_no`."""
    return first_target_week_no - embargo_weeks(horizon_weeks, delay_weeks)


def test_year_targets(year: int, calendar: Calendar) -> range:
    """Week ordinals of all target weeks of an epidemiological year (52 or 53 of them)."""
    return range(calendar.number(year, 1), calendar.number(year + 1, 1))


def judged_years(
    wanted: TestYears | Sequence[int], first_label: int, newest_cases: int, calendar: Calendar
) -> tuple[int, ...]:
    """Test years, oldest first; those of a list as they are.

    The newest complete years of the calendar, so many as are asked for and as leave a year of
    training before them. The running year is never one of them.

    Args:
        first_label: ordinal of the first origin with lags and a threshold.
        newest_cases: ordinal of the newest week with counts.
    """
    if not isinstance(wanted, TestYears):
        return tuple(sorted(wanted))
    earliest = first_label + SEASON_WEEKS
    years = range(calendar.epi_year(earliest), calendar.epi_year(newest_cases + 1))
    whole = [y for y in years if calendar.number(y, 1) >= earliest]
    kept = whole[: len(whole) - wanted.hold_back]
    return tuple(kept[-wanted.last :])


test_year_targets.__test__ = False  # type: ignore[attr-defined]  # not a pytest test, by its name


def deploy_cut(as_of_week_no: int, delay_weeks: int) -> int:
    """Latest training target week of the model that is deployed: the newest known week."""
    return as_of_week_no - delay_weeks


def inner_seasons(
    cut_week_no: int, seasons: int, horizon_weeks: int, delay_weeks: int
) -> list[Season]:
    """The last whole 52-week validation seasons that end at the cut, newest last.

    Each season's own training period ends an embargo before its first target.

    Raises:
        ConfigError: fewer than one season asked for.
    """
    if seasons < 1:
        raise ConfigError(f"{seasons} validation seasons", fix="ask for at least one")
    firsts = [cut_week_no - SEASON_WEEKS * k + 1 for k in range(seasons, 0, -1)]
    return [
        Season(fold_cut(first, horizon_weeks, delay_weeks), first, first + SEASON_WEEKS - 1)
        for first in firsts
    ]
