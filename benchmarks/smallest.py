"""The smallest change of a newest week that the rules see, by the level of the unit that it is told
of."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from views import Table, found, held, seen

from pipelines.data.plausible.level import level_before

LEVELS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, np.inf)  # cases a week, mean of four weeks
FALLS = (1.0, 0.8, 0.6, 0.4, 0.2)  # share of the true count that is missing, the largest first
RISES = (50.0, 10.0, 5.0, 3.0, 2.0)  # times the true count
BLOCK = 10
WANTED = 0.9
_TRIES = 5000
FIRST, LAST = "2017-w01", "2018-w52"


def smallest_lines(table: Table, trials: int) -> Iterator[str]:
    """A head, and one line a level. Seen: of the lying cells half or more are held, or the drop is
    stopped.
    """
    yield (
        f"{table.name}, 2017-2018, {trials} trials: smallest change seen in {WANTED:.0%}; in "
        "brackets how often the largest is"
    )
    yield f"{'level':>8s} | one: fall | one: rise | ten: fall | ten: rise"
    for low, high in pairwise(LEVELS):
        cells = [
            _smallest(table, low, high, n, changes, trials)
            for n in (1, BLOCK)
            for changes in (FALLS, RISES)
        ]
        name = f">{low:g}" if np.isinf(high) else f"{low:g}-{high:g}"
        yield f"{name:>8s} | " + " | ".join(cells)


def _smallest(
    table: Table, low: float, high: float, n: int, changes: tuple[float, ...], trials: int
) -> str:
    last, best = "", 0.0
    for change in changes:
        share = _seen_share(table, low, high, n, change, trials)
        if np.isnan(share):
            return "no such unit"
        if share < WANTED:
            return last or f"none ({share:.0%})"
        last = f"{change:.0%} missing" if change <= 1 else f"times {change:g}"
        best = share
    return f"{last} ({best:.0%})"


def _seen_share(table: Table, low: float, high: float, n: int, change: float, trials: int) -> float:
    noise, caught = np.random.default_rng(11), 0
    fits = _places(table, low, high, n)
    for _ in range(trials):
        chosen = _choose(fits, n, noise)
        if chosen is None:
            return float("nan")
        column, units = table.column(FIRST) + chosen[0], chosen[1]
        view, lying = _told(table, column, units, change)
        mask, stop = held(view, found(view))
        caught += stop or bool((mask & lying).sum() * 2 >= lying.sum())
    return caught / trials


def _choose(fits: Any, n: int, noise: np.random.Generator) -> Any:
    """A week after FIRST, and neighbours by code: one of (starts, weeks) places that fit."""
    for _ in range(_TRIES):
        at, start = int(noise.integers(fits.shape[1])), int(noise.integers(fits.shape[0]))
        if fits[start, at]:
            break
    else:  # they are few
        starts, weeks = np.nonzero(fits)
        if not len(starts):
            return None
        one = int(noise.integers(len(starts)))
        start, at = int(starts[one]), int(weeks[one])
    return at, np.arange(start, start + n)


def _places(table: Table, low: float, high: float, n: int) -> Any:
    """(starts, weeks) where neighbours begin whose mean level lies in the bin, with a case in half
    of them.
    """
    weeks = range(table.column(FIRST), table.column(LAST) + 1)
    level = np.stack([level_before(table.counts, week) for week in weeks], axis=1)
    x = table.counts[:, weeks.start : weeks.stop]
    mean, cases, known = (
        sliding_window_view(values, n, axis=0).mean(axis=-1)
        for values in (level, x > 0, np.isfinite(x))
    )
    return (low <= mean) & (mean < high) & (cases >= 0.5) & (known == 1)


def _told(table: Table, column: int, units: Any, change: float) -> tuple[Any, Any]:
    """The drop of the week in which these units' counts fall by a share, or rise so many times."""
    truth = table.counts[:, : column + 1]
    after, before = truth.copy(), truth.copy()
    before[:, -1] = np.nan
    x = truth[units, -1]
    after[units, -1] = np.floor(x * (1 - change)) if change <= 1 else x * change
    said = np.zeros(truth.shape, dtype=bool)
    said[:, -1] = True
    return seen(table, after, before, said), said & (after != truth) & np.isfinite(truth)
