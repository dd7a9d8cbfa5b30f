"""The newest weeks, second question: does this very refit move further than an honest one does?

Both sets of models are asked about the same rows, so that counts that jumped move both alike.
Limits come from past years before the newest weeks: what is wrong with these must not widen them.
For a refit of the champion's recipe they are the moves between refits a block of weeks apart (wider
than a week's, and right for a champion that stayed some weeks); for another recipe the differences
between both recipes' backtests, week by week.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s
from pipelines.config import GateConfig
from pipelines.errors import GateError
from pipelines.evaluate.refits import Models, Refits, last_of_block
from pipelines.fusion.examples import Examples


class NoPastChanges(GateError):
    """History holds no two refits that say how far an honest one moves."""


@dataclass(frozen=True)
class RefitChange:
    """How far the probabilities of one horizon moved; limits are of past years, `pairs` of them.

    Attributes:
        pool: root mean square over all units; unit: of the one that moved furthest, `where` and
            from what to what.
    """

    pool: float
    pool_limit: float
    unit: float
    unit_limit: float
    pairs: int
    rows: int
    where: str
    before: float
    after: float

    @property
    def too_far(self) -> bool:
        """Beyond either limit."""
        return self.pool > self.pool_limit or self.unit > self.unit_limit


@dataclass(frozen=True)
class PastChanges:
    """Changes by honest refits at one horizon: (P,) over the pool and of the unit that moved
    furthest.
    """

    pool: Float64s
    unit: Float64s

    def limits(self, gate: GateConfig) -> tuple[float, float]:
        """What a change may be: a quantile of these, and never less than what cannot matter."""
        pool, unit = (float(np.quantile(own, gate.move_quantile)) for own in (self.pool, self.unit))
        return max(pool, gate.least_move), max(unit, gate.least_unit_move)


def refit_changes(
    before: Models,
    after: Models,
    rows: Mapping[int, Examples],
    past: Mapping[int, PastChanges],
    gate: GateConfig,
    rows_before: Mapping[int, Examples] | None = None,
) -> dict[int, RefitChange]:
    """How far `after` lies from `before` on the same rows, for each horizon that both forecast.

    Args:
        rows_before: the same rows with the vectors that `before` reads, if it reads others.

    Raises:
        GateError: there is no row of a horizon, or a probability is not a number.
        NoPastChanges: there is no past change of a horizon.
    """
    return {
        h: _change(before, after, rows[h], h, past, gate, (rows_before or rows)[h])
        for h in sorted({*before} & {*after} & {*rows})
    }


def _change(
    before: Models,
    after: Models,
    rows: Examples,
    h: int,
    past: Mapping[int, PastChanges],
    gate: GateConfig,
    rows_before: Examples,
) -> RefitChange:
    if not len(rows):
        raise GateError(f"this week has no row {h} weeks ahead", fix="run the features step again")
    if h not in past:
        raise NoPastChanges(
            f"nothing says how far an honest refit moves {h} weeks ahead",
            fix="send earlier years, or let it serve with denguard promote",
        )
    was, now = before[h].probability(rows_before), after[h].probability(rows)
    far = np.abs(now - was)
    if not np.isfinite(far).all():
        raise GateError(
            f"a forecast {h} weeks ahead is not a number",
            fix="look at the training log of the challenger and at the champion's bundle",
        )
    at, (pool_limit, unit_limit) = int(np.argmax(far)), past[h].limits(gate)
    return RefitChange(
        root_mean_square(far),
        pool_limit,
        float(far[at]),
        unit_limit,
        len(past[h].pool),
        len(rows),
        str(rows.unit_id[at]),
        float(was[at]),
        float(now[at]),
    )


def past_changes_of_refits(refits: Refits, newest: int, age_weeks: int) -> dict[int, PastChanges]:
    """Horizon -> how far the recipe's refits of past years moved, as many weeks apart as the
    champion is old.

    Args:
        newest: the newest week; the weeks of the gate's window before it are left out.
        age_weeks: between the champion's newest week and the challenger's.
    """
    gate = refits.profile.gate
    origins = _ends_of_blocks(refits, newest - gate.recent_weeks)
    apart = min(max(1, -(-age_weeks // gate.block_weeks)), max(len(origins) - 1, 1))
    found: dict[int, list[tuple[float, float]]] = {}
    for earlier, later in zip(origins, origins[apart:], strict=False):
        was, now = refits.at(earlier), refits.at(later)
        for horizon, rows in refits.rows.items() if was and now else ():
            own = rows.take(rows.origin_week_no == later)
            if was and now and len(own):
                far = np.abs(now[horizon].probability(own) - was[horizon].probability(own))
                found.setdefault(horizon, []).append((root_mean_square(far), float(far.max())))
    return {
        h: PastChanges(*(np.array(own) for own in zip(*changes, strict=True)))
        for h, changes in found.items()
    }


def _ends_of_blocks(refits: Refits, newest: int) -> list[int]:
    """Weeks that end a block within the years that are looked back on, oldest first."""
    weeks = np.arange(newest - 52 * refits.profile.gate.refit_years, newest + 1, dtype=np.int32)
    return sorted(set(last_of_block(refits.profile, weeks).tolist()))


def past_changes_of_backtests(
    own: pd.DataFrame, other: pd.DataFrame, newest: int
) -> dict[int, PastChanges]:
    """Horizon -> how far two recipes' backtests lay apart at each origin week before `newest`."""
    key = ["horizon_weeks", "sample_id"]
    both = own.merge(other[[*key, "probability"]], on=key, suffixes=("", "_other"))
    both = both[both["origin_week_no"] <= newest]
    return dict(
        _differences(both.assign(far=(both["probability"] - both["probability_other"]).abs()))
    )


def _differences(both: pd.DataFrame) -> Iterator[tuple[int, PastChanges]]:
    for horizon, rows in both.groupby("horizon_weeks"):
        by_week = rows.groupby("origin_week_no")["far"]
        pool = [root_mean_square(far.to_numpy(np.float64)) for _, far in by_week]
        yield int(str(horizon)), PastChanges(np.array(pool), by_week.max().to_numpy(np.float64))


def root_mean_square(far: Float64s) -> float:
    return float(np.sqrt(np.mean(far**2)))
