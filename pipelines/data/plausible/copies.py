"""Newest weeks that are copies: of the week before, of another one, of a mean of those before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.arrays import Bools, Float64s
from pipelines.data.plausible import chance
from pipelines.data.plausible.found import of_counts, of_week, units_of, week_name
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.level import Week, newest_weeks
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_LEAST = 2.0  # cases, from which agreement says something
_LAGS = (1, 2, 3, 4)  # weeks back that one unit's newest weeks may repeat
_LIKELY = (1, 52, 53)  # weeks back that people copy; any other is one of many
_TRIED = 5  # weeks that agree most, whose chance is worked out
_MEANS = (2, 3, 4, 8)  # weeks whose mean stands in for one that nobody has
_ROUNDED = 0.5  # what rounding may take off a mean
_SPAN_CHANCE = 1e-4  # that several weeks of one unit repeat themselves: there is more to go by
_FEW, _MOST = 5, 0.8  # units, and their share, from which it is the table that is a copy
_ASK = "ask for the week's own counts; if they are really the same, confirm them"


@dataclass(frozen=True)
class _Original:
    """What a week may be a copy of.

    Attributes:
        name: for a person.
        same: (U,) units whose count is the original's.
        tells: (U,) units whose agreement says something.
        p: (U,) chance of it.
        limit: of the chance that as many agree.
    """

    name: str
    same: Bools
    tells: Bools
    p: Float64s
    limit: float

    @property
    def agreed(self) -> tuple[Float64s, int]:
        """Chances of the units that tell, and how many of them agree."""
        return self.p[self.tells], int((self.same & self.tells).sum())


def copied(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Weeks that repeat an older week in too many units at once, then in single units."""
    weeks = newest_weeks(seen)
    found = [one for week in weeks if (one := _of_table(seen, week, limits))]
    return found or list(_of_units(seen, weeks, limits))


def _of_table(seen: Seen, week: Week, limits: PlausibilityConfig) -> Suspicion | None:
    """The week as a copy of the original that it agrees with too improbably, and most."""
    every = list(_originals(seen, week, limits.copy_chance))
    whole = [one for one in every if chance.of_as_many(*one.agreed) < one.limit]
    if whole:
        one = max(whole, key=lambda one: one.agreed[1] / len(one.agreed[0]))
        return _copy_of(seen, week, one, one.same & one.tells)
    for one in every:
        run = np.zeros(len(one.same), dtype=bool)
        run[one.tells] = chance.unlikely_runs(one.same[one.tells], one.p[one.tells], one.limit)
        if run.any():
            return _copy_of(seen, week, one, run)
    return None


def _originals(seen: Seen, week: Week, limit: float) -> Iterator[_Original]:
    """Older weeks, newest weeks as they were accepted before this drop said otherwise, means of
    weeks.
    """
    says = np.isfinite(week.counts) & (week.counts >= _LEAST)
    p = chance.of_one_value(np.where(says, week.counts, 1.0))
    older = seen.after[:, : week.column]
    if says.sum() < 2 or not older.shape[1]:
        return
    same, known = older == week.counts[:, None], np.isfinite(older)
    excess = same[says].sum(axis=0) - p[says] @ known[says]
    likely = [week.column - lag for lag in _LIKELY if week.column >= lag]
    for column in [*likely, *np.argsort(-excess)[:_TRIED]]:
        among = limit / (1 if column in likely else older.shape[1])
        yield _Original(
            week_name(seen, int(column)), same[:, column], says & known[:, column], p, among
        )
    accepted = seen.before[:, : week.column]
    changed = np.isfinite(accepted) & (accepted != older)
    for column in np.flatnonzero(changed.sum(axis=0) >= _FEW)[::-1][:_TRIED]:
        name = f"what {week_name(seen, int(column))} was before"
        yield _Original(
            name, accepted[:, column] == week.counts, says & changed[:, column], p, limit
        )
    for weeks in (n for n in _MEANS if n <= week.column):
        yield _mean(older[:, -weeks:], week, limit)


def _mean(before: Float64s, week: Week, limit: float) -> _Original:
    """The mean of the weeks before, of units that it lets one expect some cases of."""
    mean = before.mean(axis=1)
    tells = np.isfinite(week.counts) & (mean >= _LEAST)
    near = np.abs(week.counts - mean) <= _ROUNDED
    p = chance.of_one_value(np.where(tells, mean, 1.0))
    return _Original(f"the mean of the {before.shape[1]} weeks before it", near, tells, p, limit)


def _copy_of(seen: Seen, week: Week, one: _Original, same: Bools) -> Suspicion:
    """The same counts in both, small ones with them; all that the week says if most are
    the same."""
    says = np.isfinite(week.counts)
    equal = says & one.same
    n = int(one.tells.sum())
    whole = n >= _FEW and same.sum() >= _MOST * n  # then zeros are copies too
    units = says if whole else equal & (week.counts > 0)
    message = (
        f"{week_name(seen, week.column)} repeats {one.name} in {int(same.sum())} of {n} units "
        f"with {_LEAST:g} cases or more: {seen.named(np.flatnonzero(equal & (week.counts > 0)))}"
    )
    outcome = Outcome.STOP if whole else Outcome.HOLD
    return of_week(
        seen, week.column, units, "copied-week", outcome, Direction.MISSING, message, _ASK
    )


def _of_units(seen: Seen, weeks: list[Week], limits: PlausibilityConfig) -> Iterator[Suspicion]:
    """Units all of whose newest weeks repeat the same span before them, improbably."""
    columns = [week.column for week in weeks]
    counts = np.column_stack([week.counts for week in weeks]) if weeks else np.zeros((0, 0))
    doubted = np.zeros(seen.delivered.shape, dtype=bool)
    for lag in sorted({*_LAGS, len(columns)}):
        back = [column - lag for column in columns]
        if not columns or min(back) < 0:
            continue
        complete = np.isfinite(counts).all(axis=1)
        same = complete & (counts == seen.after[:, back]).all(axis=1) & (counts > 0).all(axis=1)
        log_p = np.log(chance.of_one_value(np.where(np.isfinite(counts), counts, 1.0))).sum(axis=1)
        most = limits.unit_copy_chance if len(columns) == 1 else _SPAN_CHANCE
        hit = same & (log_p < np.log(most))
        doubted[np.ix_(hit, columns)] = True
    if doubted.any():
        units = np.asarray(doubted.any(axis=1))
        message = (
            f"{units_of(seen, units)} repeated the weeks before in "
            f"{week_name(seen, columns[0])}..{week_name(seen, columns[-1])}"
        )
        yield of_counts(
            seen, doubted, "copied-by-unit", Outcome.HOLD, Direction.MISSING, message, _ASK
        )
