"""Lying drops: how a block of units of a true table is told otherwise, for the rules to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.weeks import CDC

FIRST_WEEK = "2007-w01"  # column 0 of the tables that are lied about
Tell = Callable[
    [Any, Any, np.random.Generator], Any
]  # truth (U, W), units, noise -> (U, W) as told


@dataclass(frozen=True)
class Lie:
    """One kind.

    Attributes:
        tell: what the drop says; NaN where its cell is empty or absent.
        weeks: newest weeks that come with it.
        again: the drop delivers the whole history again.
        first: it is the first drop of a deployment.
        cells: the untold cells are there, empty.
        fewest: units that the lie needs.
    """

    name: str
    tell: Tell
    weeks: int = 1
    again: bool = False
    first: bool = False
    cells: bool = True
    fewest: int = 1

    def drop(self, table: Any, truth: Any, units: Any, noise: Any, seen: Any) -> tuple[Any, Any]:
        """The view of the drop, and (U, W) which of its cells lie."""
        told = self.tell(truth.copy(), units, noise)
        before = np.full_like(truth, np.nan) if self.first else truth.copy()
        before[:, -self.weeks :] = np.nan
        said = np.zeros(truth.shape, dtype=bool)
        said[:, 0 if self.again or self.first else -self.weeks :] = True
        if not self.cells:
            said &= np.isfinite(told)
        lying = (told != truth) & ~(np.isnan(told) & np.isnan(truth))
        after = np.where(said & np.isfinite(told), told, before)
        return seen(table, after, before, said, self.first), lying


def _newest(value: Callable[[Any, Any, np.random.Generator], Any], weeks: int = 1) -> Tell:
    """The units' newest weeks take values of this function of (truth of the units, all, noise)."""

    def tell(truth: Any, units: Any, noise: np.random.Generator) -> Any:
        new = value(truth[units], truth, noise)
        for at in range(weeks, 0, -1):
            column = truth[units, -at]
            told = new[..., -at] if np.ndim(new) == 2 else new
            truth[units, -at] = np.where(np.isfinite(column), told, column)
        return truth

    return tell


def _thinned(share: float) -> Callable[[Any, Any, np.random.Generator], Any]:
    return lambda own, _, noise: noise.binomial(np.nan_to_num(own).astype(int), share).astype(float)


def _since_january(own: Any, _: Any, __: Any) -> Any:
    """Sums over up to a year back, as a bulletin of its last week prints them."""
    filled = np.nan_to_num(own)
    total = np.cumsum(filled, axis=1)
    back = np.pad(total, ((0, 0), (30, 0)))[:, : total.shape[1]]
    return total - back


def _year_sums(truth: Any, units: Any, _: Any) -> Any:
    """Sums since the year began, in this year and the one before."""
    newest = CDC.week_no(FIRST_WEEK) + truth.shape[1] - 1
    this = CDC.week_of_year(newest)
    before = CDC.weeks_in_year(CDC.epi_year(newest) - 1)
    for span in (slice(-this, None), slice(-this - before, -this)):
        truth[units, span] = np.cumsum(np.nan_to_num(truth[units, span]), axis=1)
    return truth


def _last_year(own: Any, _: Any, __: Any) -> Any:
    return own[:, -53]


def _shuffled(own: Any, _: Any, noise: np.random.Generator) -> Any:
    return noise.permutation(own[:, -1])


def _exchanged(truth: Any, units: Any, noise: np.random.Generator) -> Any:
    """Pairs of running units of the block hold each other's newest week."""
    running = noise.permutation(units[truth[units, -9:].sum(axis=1) >= 9])
    for a, b in zip(running[::2], running[1::2], strict=False):
        truth[[a, b], -1] = truth[[b, a], -1]
    return truth


def _neighbours(truth: Any, units: Any, _: Any) -> Any:
    truth[units] = np.roll(truth[units], 1, axis=0)
    return truth


def _one_week_later(truth: Any, units: Any, _: Any) -> Any:
    moved = truth[units].copy()
    moved[:, 1:] = truth[units][:, :-1]
    truth[units] = np.where(np.isfinite(truth[units]), moved, np.nan)
    return truth


def _rewritten(truth: Any, units: Any, noise: np.random.Generator) -> Any:
    """A tenth of the past counts with cases are 30 % higher or lower."""
    past = truth[units]
    chosen = (noise.random(past.shape) < 0.1) & (past > 0)
    factor = np.where(noise.random(past.shape) < 0.5, 0.7, 1.3)
    truth[units] = np.where(chosen, np.ceil(past * factor), past)
    return truth


def _beyond(own: Any, _: Any, __: Any) -> Any:
    return np.maximum(10 * np.nanmax(own[:, :-1], axis=1), 20)


LIES = (
    Lie("0 in the newest week", _newest(lambda own, *_: np.zeros(len(own)))),
    Lie("0 in the newest three, at once", _newest(lambda own, *_: np.zeros_like(own), 3), weeks=3),
    Lie(
        "no cell for the newest week",
        _newest(lambda own, *_: np.full(len(own), np.nan)),
        cells=False,
    ),
    Lie("empty cells in the newest week", _newest(lambda own, *_: np.full(len(own), np.nan))),
    Lie("40 % of the newest week", _newest(_thinned(0.4))),
    Lie("60 % of the newest week", _newest(_thinned(0.6))),
    Lie("a fifth missing", _newest(_thinned(0.8))),
    Lie("copy of the week before", _newest(lambda own, *_: own[:, -2])),
    Lie("copy of the same week last year", _newest(_last_year)),
    Lie("times ten", _newest(lambda own, *_: own[:, -1] * 10)),
    Lie("times three", _newest(lambda own, *_: own[:, -1] * 3)),
    Lie("times two", _newest(lambda own, *_: own[:, -1] * 2)),
    Lie("ten times the own maximum", _newest(_beyond)),
    Lie("sums of 30 weeks", _newest(_since_january)),
    Lie("sums, four weeks at once", _newest(_since_january, 4), weeks=4),
    Lie("rounded to tens", _newest(lambda own, *_: np.round(own[:, -1], -1))),
    Lie(
        "one value for all",
        _newest(lambda own, *_: np.full(len(own), np.ceil(np.nanmean(own[:, -1])))),
        fewest=2,
    ),
    Lie("sorted values", _newest(lambda own, *_: np.sort(own[:, -1])), fewest=2),
    Lie("shuffled units", _newest(_shuffled), fewest=2),
    Lie("the neighbour's newest week", _newest(lambda own, *_: np.roll(own[:, -1], 1)), fewest=2),
    Lie("pairs exchanged in the newest week", _exchanged, fewest=2),
    Lie("the neighbour's whole history", _neighbours, again=True, fewest=2),
    Lie("history a week later", _one_week_later, again=True),
    Lie("a tenth of history changed", _rewritten, again=True),
    Lie(
        "first drop: 0 in the newest week", _newest(lambda own, *_: np.zeros(len(own))), first=True
    ),
    Lie("first drop: newest week times ten", _newest(lambda own, *_: own[:, -1] * 10), first=True),
    Lie("first drop: copy of the week before", _newest(lambda own, *_: own[:, -2]), first=True),
    Lie("first drop: 40 % of the newest week", _newest(_thinned(0.4)), first=True),
    Lie("first drop: sums since January", _year_sums, first=True),
    Lie("first drop: the neighbour's history", _neighbours, first=True, fewest=2),
)
