"""Climate and populations that were settled and come again as other values in too many places."""

from __future__ import annotations

import numpy as np

from pipelines.arrays import Bools, Float64s
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.past import plain, ratio, ratio_from_one
from pipelines.data.plausible.suspicion import CELL_KEYS, Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_SCALES = {"temp": plain, "rain": ratio_from_one, "population": ratio}
_FAR = {"temp": 1.0, "rain": float(np.log(2.0)), "population": float(np.log(1.5))}  # degrees, times
_SETTLING = {"temp": 2, "rain": 2, "population": 0}  # newest months, which are provisional
_FEWEST, _OF_REVISED = 20, 0.2  # values that moved far, and their share of all that moved


def figures_reissued(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """Kinds of which too many settled values are far from what was accepted: all that is revised
    waits.
    """
    del limits
    return [one for kind in _SCALES if (one := _reissued(seen, kind))]


def _reissued(seen: Seen, kind: str) -> Suspicion | None:
    new, before = seen.news(kind), seen.known(kind)
    if new.empty or before.empty:
        return None
    both = new.merge(before, on=list(CELL_KEYS), suffixes=("", "_before"))
    both = both[both["when"] <= int(before["when"].max()) - _SETTLING[kind]]
    both = both[both["number"] != both["number_before"]]
    far = _far(
        kind, both["number"].to_numpy(np.float64), both["number_before"].to_numpy(np.float64)
    )
    if far.sum() < max(_FEWEST, _OF_REVISED * len(both)):
        return None
    message = (
        f"{int(far.sum())} of {len(both)} revised values of {kind} in {both['unit_id'].nunique()} "
        "units are far from what was accepted"
    )
    fix = (
        "ask whether the product was made anew on purpose; until then what was accepted stays in "
        "force"
    )
    return Suspicion(
        "figures-reissued", Outcome.HOLD, Direction.WRONG, message, fix, both[list(CELL_KEYS)]
    )


def _far(kind: str, now: Float64s, then: Float64s) -> Bools:
    return np.asarray(np.abs(_SCALES[kind](now) - _SCALES[kind](then)) >= _FAR[kind])
