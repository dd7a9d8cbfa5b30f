"""Newest weeks that are copies: of the week before, of another week, of the same week of another year.

Belongs here: counts that agree with other weeks more than chance makes them. Does not belong here: units
that hold another unit's counts (mixed.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.data.plausible import chance
from pipelines.data.plausible.found import of_counts, of_week, units_of, week_name
from pipelines.data.plausible.history import Bools, Seen
from pipelines.data.plausible.level import Week, newest_weeks
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_LEAST = 2.0  # cases, from which agreement says something
_LAGS = (1, 2, 3, 4)  # weeks back that one unit's newest weeks may repeat
_LIKELY = (1, 52, 53)  # weeks back that people copy; any other is one of many
_TRIED = 5  # weeks that agree most, whose chance is worked out
_SPAN_CHANCE = 1e-4  # that several weeks of one unit repeat themselves: there is more to go by
_FEW, _MOST = 5, 0.8  # units, and their share, from which it is the table that is a copy
_ASK = "ask for the week's own counts; if they are really the same, confirm them"


def copied(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Weeks that repeat an older week in too many units at once, then in single units."""
    weeks = newest_weeks(seen)
    found = [one for week in weeks if (one := _of_table(seen, week, limits))]
    return found or list(_of_units(seen, weeks, limits))


def _of_table(seen: Seen, week: Week, limits: PlausibilityConfig) -> Suspicion | None:
    """The week as a copy of the one older week that it agrees with most improbably."""
    says = np.isfinite(week.said) & (week.said >= _LEAST)
    older = seen.after[:, : week.column]
    if says.sum() < 2 or not older.shape[1]:
        return None
    x = week.said[says]
    same, known = older[says] == x[:, None], np.isfinite(older[says])
    p = chance.of_one_value(x)
    excess = same.sum(axis=0) - p @ known
    likely = [week.column - lag for lag in _LIKELY if week.column >= lag]
    for column in [*likely, *np.argsort(-excess)[:_TRIED]]:
        limit = limits.copy_chance / (1 if column in likely else older.shape[1])
        if chance.of_as_many(p[known[:, column]], int(same[:, column].sum())) < limit:
            return _copy_of(seen, week, int(column), same[:, column])
        run = np.zeros(len(says), dtype=bool)
        run[says] = chance.unlikely_runs(same[:, column], p, limit)
        if run.any():
            return _copy_of(seen, week, int(column), run[says])
    return None


def _copy_of(seen: Seen, week: Week, column: int, same: Bools) -> Suspicion:
    """The same counts in both weeks, small ones with them; all that the week says if most are the same."""
    says = np.isfinite(week.said)
    equal = says & (week.said == seen.after[:, column])
    n = int((says & (week.said >= _LEAST)).sum())
    whole = n >= _FEW and same.sum() >= _MOST * n  # then zeros are copies too
    units = says if whole else equal & (week.said > 0)
    message = f"{week_name(seen, week.column)} repeats {week_name(seen, column)} in {int(same.sum())} of {n} units with {_LEAST:g} cases or more: {seen.named(np.flatnonzero(equal & (week.said > 0)))}"
    outcome = Outcome.STOP if whole else Outcome.HOLD
    return of_week(seen, week.column, units, "copied-week", outcome, Direction.MISSING, message, _ASK)  # fmt: skip


def _of_units(seen: Seen, weeks: list[Week], limits: PlausibilityConfig) -> Iterator[Suspicion]:
    """Units all of whose newest weeks repeat the same span before them, improbably."""
    columns = [week.column for week in weeks]
    said = np.column_stack([week.said for week in weeks]) if weeks else np.zeros((0, 0))
    doubted = np.zeros(seen.said.shape, dtype=bool)
    for lag in sorted({*_LAGS, len(columns)}):
        back = [column - lag for column in columns]
        if not columns or min(back) < 0:
            continue
        told = np.isfinite(said).all(axis=1)
        same = told & (said == seen.after[:, back]).all(axis=1) & (said > 0).all(axis=1)
        log_p = np.log(chance.of_one_value(np.where(np.isfinite(said), said, 1.0))).sum(axis=1)
        most = limits.unit_copy_chance if len(columns) == 1 else _SPAN_CHANCE
        hit = same & (log_p < np.log(most))
        doubted[np.ix_(hit, columns)] = True
    if doubted.any():
        units = np.asarray(doubted.any(axis=1))
        message = f"{units_of(seen, units)} repeated the weeks before in {week_name(seen, columns[0])}..{week_name(seen, columns[-1])}"
        yield of_counts(seen, doubted, "copied-by-unit", Outcome.HOLD, Direction.MISSING, message, _ASK)  # fmt: skip
