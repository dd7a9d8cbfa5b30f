"""Masks of counts turned into suspicions, and the words that all of them use."""

from __future__ import annotations

import numpy as np

from pipelines.arrays import Bools
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion


def of_week(
    seen: Seen,
    column: int,
    units: Bools,
    rule: str,
    outcome: Outcome,
    direction: Direction,
    message: str,
    fix: str,
) -> Suspicion:
    """Counts of (U,) units in one week, doubted for one cause."""
    doubted = np.zeros(seen.delivered.shape, dtype=bool)
    doubted[units, column] = True
    return of_counts(seen, doubted, rule, outcome, direction, message, fix)


def of_counts(
    seen: Seen,
    doubted: Bools,
    rule: str,
    outcome: Outcome,
    direction: Direction,
    message: str,
    fix: str,
) -> Suspicion:
    """(U, W) counts, doubted for one cause."""
    return Suspicion(rule, outcome, direction, message, fix, seen.count_cells(doubted))


def week_name(seen: Seen, column: int) -> str:
    """Label of a column's week."""
    return seen.calendar.week_label(seen.week_no(column))


def units_of(seen: Seen, units: Bools) -> str:
    """Such as "3 units (1002, 1005, 1009)" of a (U,) mask."""
    at = np.flatnonzero(units)
    return f"{len(at)} unit{'s' * (len(at) != 1)} ({seen.named(at)})"
