"""Units that say nothing about the newest week: no row for it, or an empty cell.

Belongs here: rules on cells that are not there. Does not belong here: cells with a number (missing.py)
and units that are gone from the table altogether.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.data.plausible.found import units_of, week_name
from pipelines.data.plausible.history import Bools, Seen
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_ASK = "ask whether the unit reported; deliver its newest week, with a 0 if it had no case"


def gone_silent(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Units that had a count in every week and have none in the newest that the drop is about.

    The newest week is the last one of which the drop has any cell, with a number or without.
    """
    about = np.flatnonzero(seen.said.any(axis=0))
    newest = int(about.max()) if len(about) else -1
    if newest < limits.silent_after_weeks:
        return []
    had = np.flatnonzero(np.isfinite(seen.before).any(axis=0))
    if not seen.is_first and len(had) and newest <= had.max():
        return []  # it corrects older weeks
    silent = _steady(seen, newest, limits.silent_after_weeks) & ~np.isfinite(seen.after[:, newest])
    if not silent.any():
        return []
    empty = silent & seen.said[:, newest]
    name = week_name(seen, newest)
    return [
        _silent(seen, units, rule, f"{units_of(seen, units)} had counts in each of {limits.silent_after_weeks} weeks and {what} {name}")
        for units, rule, what in (
            (empty, "newest-empty", "have an empty cell in"),
            (silent & ~empty, "gone-silent", "have no cell for"),
        )
        if units.any()
    ]  # fmt: skip


def _steady(seen: Seen, newest: int, weeks: int) -> Bools:
    """(U,) units with a count in each of the last weeks that any unit has one in."""
    past = np.isfinite(seen.after[:, :newest])
    reported = np.flatnonzero(past.any(axis=0))[-weeks:]
    return (
        np.asarray(past[:, reported].all(axis=1)) if len(reported) == weeks else past[:, 0] & False
    )


def _silent(seen: Seen, units: Bools, rule: str, message: str) -> Suspicion:
    nothing = seen.count_cells(np.zeros(seen.said.shape, dtype=bool))
    ids = tuple(seen.unit_ids[u] for u in np.flatnonzero(units))
    return Suspicion(rule, Outcome.HOLD, Direction.MISSING, message, _ASK, nothing, ids)
