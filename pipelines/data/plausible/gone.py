"""Units and weeks that a drop should have and has not: a truncated upload, a cut history."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipelines.arrays import Bools
from pipelines.data.plausible.arrived import ANY_INPUT
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion, no_cells
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.words import counted

UNITS_GONE = "units-gone"
_LAST_YEAR = 52  # newest accepted weeks, of which a share is asked for, too
_NAMED = 5
_FEWEST = 2  # one unit alone is that unit's question


def units_gone(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """More than `max_gone_share` of the units that a file of counts named before, and two or more.

    A person who confirms it (a reform, a file that names only units with cases) lets the drop
    through, and these units are no longer waited for.
    """
    out = []
    for name, expected, gone in _many_gone(seen, limits):
        share = len(gone) / len(expected)
        shown = ", ".join(gone[:_NAMED]) + (", ..." if len(gone) > _NAMED else "")
        message = (
            f"{len(gone)} of {len(expected)} units that {name or 'the accepted tables'} had are "
            f"not there any more ({share:.0%}): {shown}"
        )
        fix = (
            "deliver the whole file: the upload may have been cut; where drops name only units "
            "with cases, raise data.plausibility.max_gone_share"
        )
        cells = seen.withdrawn[seen.withdrawn["unit_id"].isin(gone)]
        out.append(
            Suspicion(
                UNITS_GONE,
                Outcome.STOP,
                Direction.MISSING,
                message,
                fix,
                cells if len(cells) else no_cells(),
                tuple(gone),
            )
        )
    return out


def counts_withdrawn(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """A full drop that leaves out more than `max_withdrawn_share` of the accepted counts, or of the
    last year's, of units that are still there."""
    absent = {unit for _, _, gone in _gone(seen) for unit in gone}
    here = ~np.isin(np.asarray(seen.unit_ids, dtype=object), list(absent))
    known = np.isfinite(seen.before) & here[:, None]
    taken = known & _withdrawn(seen)
    if not taken.any():
        return []
    newest = int(np.flatnonzero(known.any(axis=0)).max())
    recent = slice(max(0, newest - _LAST_YEAR + 1), newest + 1)
    shares = (
        taken.sum() / known.sum(),
        taken[:, recent].sum() / max(1, known[:, recent].sum()),
    )
    if max(shares) <= limits.max_withdrawn_share:
        return []
    weeks = np.flatnonzero(taken.any(axis=0))
    label = seen.calendar.week_label
    span = f"{label(seen.week_no(int(weeks[0])))}..{label(seen.week_no(int(weeks[-1])))}"
    message = (
        f"left out or empty: {counted(int(taken.sum()), 'accepted count')} of "
        f"{counted(int(taken.any(axis=1).sum()), 'unit')} ({shares[0]:.1%} of all, "
        f"{shares[1]:.1%} of the last year's), in {span}"
    )
    fix = "deliver the whole table; declare `data.updates: increment` if drops are not the whole"
    cells = seen.count_cells(taken)
    return [Suspicion("counts-withdrawn", Outcome.STOP, Direction.MISSING, message, fix, cells)]


def not_asked_one_by_one(seen: Seen, limits: PlausibilityConfig) -> frozenset[str]:
    """Units whose silence is no question of theirs: gone with many others, or rightly gone
    before."""
    many = {unit for _, _, gone in _many_gone(seen, limits) for unit in gone}
    waited = frozenset().union(*seen.expected.values()) if seen.expected else None
    left = frozenset() if waited is None else frozenset(seen.unit_ids) - waited
    return left | many


def _many_gone(
    seen: Seen, limits: PlausibilityConfig
) -> Iterator[tuple[str, frozenset[str], list[str]]]:
    if _corrects_older_weeks(seen):
        return  # such a file names the units that it corrects
    for name, expected, gone in _gone(seen):
        if len(gone) >= _FEWEST and len(gone) / len(expected) > limits.max_gone_share:
            yield name, expected, gone


def _corrects_older_weeks(seen: Seen) -> bool:
    """Whether a drop tells counts, withdraws none, and all of them are older than the
    newest known."""
    delivered, known = seen.delivered.any(axis=0), np.isfinite(seen.before).any(axis=0)
    if not delivered.any() or not known.any() or len(seen.withdrawn):
        return False
    return bool(np.flatnonzero(delivered).max() < np.flatnonzero(known).max())


def _gone(seen: Seen) -> Iterator[tuple[str, frozenset[str], list[str]]]:
    """Of each file of counts that the drop has: name, units named before, those that are
    missing."""
    counted = seen.arrived.counted
    every = frozenset().union(*counted.values()) if counted else frozenset()
    for name, expected in seen.expected.items():
        named = every if name == ANY_INPUT else counted.get(name)
        if expected and named is not None and counted:
            yield name, expected, sorted(expected - named)


def _withdrawn(seen: Seen) -> Bools:
    """(U, W) counts that the drop withdraws."""
    out = np.zeros(seen.delivered.shape, dtype=bool)
    rows = seen.withdrawn[seen.withdrawn["kind"] == "week"]
    place = {unit: at for at, unit in enumerate(seen.unit_ids)}
    unit = rows["unit_id"].map(place).to_numpy(np.int64)
    out[unit, rows["when"].to_numpy(np.int64) - seen.first_week_no] = True
    return out
