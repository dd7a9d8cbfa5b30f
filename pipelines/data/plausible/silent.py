"""Units that say nothing about the newest week: no row for it, or an empty cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Bools
from pipelines.data.plausible.found import units_of, week_name
from pipelines.data.plausible.gone import not_asked_one_by_one
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_GAPS = 2  # weeks of those that a steady unit may lack: held ones are unknown too
_ASK = "ask whether the unit reported; deliver its newest week, with a 0 if it had no case"


def gone_silent(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Units that had a count in nearly every week and have none in the newest that the drop is
    about.

    The newest week is the last one of which the drop has any cell, with a number or without.
    """
    about = np.flatnonzero(seen.delivered.any(axis=0))
    newest = int(about.max()) if len(about) else -1
    if newest < limits.silent_after_weeks:
        return []
    had = np.flatnonzero(np.isfinite(seen.before).any(axis=0))
    if not seen.is_first and len(had) and newest <= had.max():
        return []  # it corrects older weeks
    silent = _steady(seen, newest, limits.silent_after_weeks) & ~np.isfinite(seen.after[:, newest])
    silent &= ~np.isin(seen.unit_ids, list(not_asked_one_by_one(seen, limits)))
    if not silent.any():
        return []
    empty = silent & seen.delivered[:, newest]
    name = week_name(seen, newest)
    return [
        _silent(
            seen,
            units,
            rule,
            f"{units_of(seen, units)} had counts in nearly all of {limits.silent_after_weeks} "
            f"weeks and {what} {name}",
        )
        for units, rule, what in (
            (empty, "newest-empty", "an empty cell in"),
            (silent & ~empty, "gone-silent", "no cell for"),
        )
        if units.any()
    ]


def _steady(seen: Seen, newest: int, weeks: int) -> Bools:
    """(U,) units that were silent for no longer than this, and before it had counts in nearly all
    weeks.
    """
    past = np.isfinite(seen.after[:, :newest])
    past = past[:, past.any(axis=0)]  # a week of which nobody reports is no unit's silence
    if past.shape[1] < weeks:
        return np.zeros(len(past), dtype=bool)
    last = past.shape[1] - 1 - np.argmax(past[:, ::-1], axis=1)
    recent = past.any(axis=1) & (last >= past.shape[1] - weeks)
    upto = np.cumsum(np.pad(past, ((0, 0), (weeks, 0))), axis=1)
    unit = np.arange(len(past))
    return np.asarray(recent & (upto[unit, last + weeks] - upto[unit, last] >= weeks - _GAPS))


def _silent(seen: Seen, units: Bools, rule: str, message: str) -> Suspicion:
    nothing = seen.count_cells(np.zeros(seen.delivered.shape, dtype=bool))
    ids = tuple(seen.unit_ids[u] for u in np.flatnonzero(units))
    return Suspicion(rule, Outcome.HOLD, Direction.MISSING, message, _ASK, nothing, ids)
