"""A first drop whose counts stand in the rows of other units: nothing was accepted that would tell.

Larger places have more cases, in any table. Where the counts fit the populations of the rows above
or below clearly better than their own, codes and counts were sorted or pasted apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s
from pipelines.data.plausible.found import of_counts
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig

_FEWEST = 30  # units with a population, below which ranks agree by chance
_FITS = 3.0  # standard deviations from no correlation at all: else there is nothing to fit better
_ROWS = (-2, -1, 1, 2)  # rows in the order of codes by which counts may stand off
_ASK = (
    "look whether rows and codes were sorted or pasted apart; deliver each code beside its own "
    "counts"
)


def first_rows(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """Cases of a first drop that rank as the populations some rows away do, and not as
    their own."""
    people = seen.news("population")
    if not seen.is_first or people.empty:
        return []
    order = np.argsort(np.asarray(seen.unit_ids, dtype=str))
    size = people.groupby("unit_id")["number"].median().reindex(np.asarray(seen.unit_ids)[order])
    known = np.isfinite(size.to_numpy(np.float64))
    cases = np.nansum(seen.after[order], axis=1)[known]
    if known.sum() < _FEWEST:
        return []
    people_rank, own = _ranks(size.to_numpy(np.float64)[known]), _ranks(cases)
    fits = {rows: _fit(np.roll(own, -rows), people_rank) for rows in (0, *_ROWS)}
    best = max(_ROWS, key=lambda rows: fits[rows])
    usual = 1 / np.sqrt(known.sum() - 3)
    better = (fits[best] - fits[0]) / (usual * np.sqrt(2))
    if better < limits.first_rows_distance or fits[best] < _FITS * usual:
        return []
    message = (
        f"cases of {int(known.sum())} units rank as the populations {abs(best)} "
        f"row{'s' * (abs(best) > 1)} {'above' if best > 0 else 'below'} them in the order of "
        f"codes ({np.tanh(fits[best]):.2f}), not as their own ({np.tanh(fits[0]):.2f})"
    )
    doubted = seen.delivered & np.isfinite(seen.after)
    return [
        of_counts(seen, doubted, "first-rows-shifted", Outcome.STOP, Direction.WRONG, message, _ASK)
    ]


def _ranks(values: Float64s) -> Float64s:
    return np.asarray(pd.Series(values).rank(), dtype=np.float64)


def _fit(one: Float64s, other: Float64s) -> float:
    """Rank correlation on Fisher's scale, where differences have the same noise everywhere; 0
    without any.
    """
    if not one.std() or not other.std():
        return 0.0
    return float(np.arctanh(np.clip(np.corrcoef(one, other)[0, 1], -0.999, 0.999)))
