"""Counts that look as if they had not been reported: zeros where a series was running.

Belongs here: rules whose cells become unknown until a person has answered.
"""

from __future__ import annotations

import numpy as np

from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_WEEKS = 4  # before the week in question, whose mean says that a series was running


def fell_to_zero(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """A 0 in the newest week after a four-week mean of `running_mean_cases` or more.

    Of ordinary weeks of the sample's table 0.18 % of those with such a mean are hit.
    """
    newest = seen.newest
    if newest is None or newest < _WEEKS:
        return []
    weeks = seen.after[:, newest - _WEEKS : newest]
    known = np.isfinite(weeks)
    mean = np.where(known, weeks, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    hit = (mean >= limits.running_mean_cases) & (seen.after[:, newest] == 0) & seen.said[:, newest]
    if not hit.any():
        return []
    doubted = np.zeros(seen.said.shape, dtype=bool)
    doubted[hit, newest] = True
    units = np.flatnonzero(hit)
    week = seen.calendar.week_label(seen.week_no(newest))
    message = f"{len(units)} units whose series were running say 0 in {week}: {seen.named(units)}"
    fix = "ask whether the week was reported; deliver it again, or leave it empty until it is"
    return [
        Suspicion(
            "fell-to-zero", Outcome.HOLD, Direction.MISSING, message, fix, seen.count_cells(doubted)
        )
    ]
