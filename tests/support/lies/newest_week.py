"""What a lying drop does to a table of counts: units (index) x weeks (columns)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from support.place import Counts


def newest(
    counts: Counts, values: Sequence[float] | float, units: Sequence[str] | None = None
) -> Counts:
    """Other values in the newest week, of all units or of some."""
    counts.loc[slice(None) if units is None else list(units), counts.columns[-1]] = values
    return counts


def times(counts: Counts, factor: float, units: Sequence[str] | None = None) -> Counts:
    rows = list(counts.index if units is None else units)
    return newest(counts, counts.loc[rows, counts.columns[-1]].to_numpy() * factor, rows)


def share(counts: Counts, part: float, units: Sequence[str] | None = None) -> Counts:
    """The newest week of which a part was reported, drawn case by case."""
    rows = list(counts.index if units is None else units)
    whole = counts.loc[rows, counts.columns[-1]].to_numpy(int)
    return newest(counts, np.random.default_rng(5).binomial(whole, part).astype(float), rows)


def sums(counts: Counts, weeks: int) -> Counts:
    """The last weeks as running sums."""
    counts.iloc[:, -weeks:] = counts.iloc[:, -weeks:].cumsum(axis=1)
    return counts


def exchanged(counts: Counts, one: str, other: str, weeks: int) -> Counts:
    """Two units with each other's last weeks."""
    mine, theirs = counts.loc[one].tolist(), counts.loc[other].tolist()
    counts.loc[one] = [*mine[:-weeks], *theirs[-weeks:]]
    counts.loc[other] = [*theirs[:-weeks], *mine[-weeks:]]
    return counts


def neighbours(counts: Counts, weeks: int, units: slice = slice(None)) -> Counts:
    """Each unit's last weeks are those of the row above it."""
    block = counts.iloc[units, -weeks:].to_numpy()
    counts.iloc[units, -weeks:] = np.roll(block, 1, axis=0)
    return counts
