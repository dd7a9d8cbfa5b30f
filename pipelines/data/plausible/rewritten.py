"""History that comes again and is another: too much of it, another unit's, another week's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import Bools, Float64s, Positions
from pipelines.data.plausible.found import of_counts, units_of
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.level import NEWEST_WEEKS, distance
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.words import counted

_SHIFTS = (-1, 1, -2, 2, -3, 3, -4, 4, -52, 52, -53, 53)  # weeks
_CELLS_TABLE, _CELLS_UNIT = 20, 8  # changed counts, from which a table's and a unit's past can tell
_AGREE_TABLE, _AGREE_UNIT = (
    0.6,
    0.8,
)  # of them that stand at the other place, so that it is the cause
_SETTLING, _CASES = 3, 30.0  # newest weeks that go on growing, and cases that tell a table's weeks
_CLOSER = 0.1  # of the difference from a unit's own past, at most, to another one's
_ROWS = (
    "look whether rows and codes were sorted or pasted apart; deliver each code beside its own "
    "counts"
)
_WEEKS = (
    "look whether columns were inserted, repeated or left out; deliver each week under its own name"
)
_PAST = (
    "ask whether the past was revised on purpose; the counts accepted before stay in force until "
    "then"
)


def rewritten(seen: Seen, limits: PlausibilityConfig) -> Sequence[Suspicion]:
    """What is wrong with changed history, by its most likely cause."""
    changed, recent = _changed(seen), _recent_as_a_whole(seen, limits)
    if not changed.any():
        return recent
    found = _other_weeks(seen, changed) or _other_units(seen, changed)
    explained = np.zeros(len(changed), dtype=bool)
    for one in found:
        explained |= np.isin(np.asarray(seen.unit_ids, dtype=object), one.units)
    return [*found, *_out_of_proportion(seen, changed & ~explained[:, None], limits), *recent]


def _recent_as_a_whole(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """Newest weeks that were settled when they were accepted, and are many more or fewer
    cases now."""
    has = np.flatnonzero(np.isfinite(seen.before).any(axis=0))
    if not len(has) or seen.newest is None:
        return []
    settled = int(has.max()) - max(_SETTLING, seen.immature_weeks)
    at = np.arange(seen.after.shape[1])
    weeks = (at <= settled) & (at > seen.newest - NEWEST_WEEKS)
    known = np.isfinite(seen.before) & np.isfinite(seen.after) & weeks
    changed = known & seen.delivered & (seen.after != seen.before)
    whole = known & changed.any(axis=0)  # of every unit, so that one unit's backlog is no table's
    then, now = float(seen.before[whole].sum()), float(seen.after[whole].sum())
    times = (now + 0.5) / (then + 0.5)
    if (
        changed.any(axis=0).sum() < 2
        or max(then, now) < _CASES
        or 1 / limits.recent_factor < times < limits.recent_factor
    ):
        return []
    message = (
        f"the weeks that were settled before stand at {times:.0%} of what they were, in "
        f"{units_of(seen, np.asarray(changed.any(axis=1)))}"
    )
    doubted = seen.delivered & np.isfinite(seen.after) & (at > seen.newest - NEWEST_WEEKS)
    return [
        of_counts(seen, doubted, "recent-rewritten", Outcome.STOP, Direction.WRONG, message, _PAST)
    ]


def _changed(seen: Seen) -> Bools:
    """(U, W) accepted counts that the drop says otherwise, older than the newest weeks."""
    if not seen.before.shape[1]:
        return np.zeros(seen.delivered.shape, dtype=bool)
    has = np.flatnonzero(np.isfinite(seen.after).any(axis=0))
    old = np.arange(seen.after.shape[1]) <= (int(has.max()) if len(has) else -1) - NEWEST_WEEKS
    changed = seen.delivered & np.isfinite(seen.before) & np.isfinite(seen.after)
    return np.asarray(changed & (seen.after != seen.before) & old)


def _other_weeks(seen: Seen, changed: Bools) -> list[Suspicion]:
    """Units whose changed counts stand where those of other weeks stood."""
    n = changed.sum(axis=1)
    for shift in _SHIFTS:
        agree = (changed & (seen.after == _moved(seen.before, shift))).sum(axis=1)
        whole = n.sum() >= _CELLS_TABLE and agree.sum() >= _AGREE_TABLE * n.sum()
        units = (n > 0) if whole else (n >= _CELLS_UNIT) & (agree >= _AGREE_UNIT * n)
        if units.any():
            outcome = Outcome.STOP if whole and units.sum() > 1 else Outcome.HOLD
            message = (
                f"counts of {units_of(seen, units)} stand {abs(shift)} "
                f"week{'s' * (abs(shift) != 1)} {'later' if shift > 0 else 'earlier'} than they "
                "were accepted"
            )
            return [_all_of(seen, units, "shifted-weeks", outcome, message, _WEEKS)]
    return []


def _moved(counts: Float64s, shift: int) -> Float64s:
    """The matrix with each column in the place `shift` later."""
    out = np.full_like(counts, np.nan)
    if abs(shift) < counts.shape[1]:
        there, here = (
            (slice(shift, None), slice(None, -shift))
            if shift > 0
            else (slice(None, shift), slice(-shift, None))
        )
        out[:, there] = counts[:, here]
    return out


def _other_units(seen: Seen, changed: Bools) -> list[Suspicion]:
    """Units whose changed past is close to another unit's and far from their own."""
    suspects = np.flatnonzero(changed.sum(axis=1) >= _CELLS_UNIT)
    if not len(suspects):
        return []
    columns = changed[suspects].any(axis=0)
    own, best, match = _closest(seen.after[suspects][:, columns], seen.before[:, columns], suspects)
    hit = best <= _CLOSER * own
    if not hit.any():
        return []
    units = np.zeros(len(changed), dtype=bool)
    units[suspects[hit]] = True
    pairs = ", ".join(
        f"{seen.unit_ids[u]} has that of {seen.unit_ids[m]}"
        for u, m in list(zip(suspects[hit], match[hit], strict=True))[:5]
    )
    message = f"the past of {counted(int(units.sum()), 'unit')} is another unit's: {pairs}"
    return [_all_of(seen, units, "swapped-units", Outcome.HOLD, message, _ROWS)]


def _closest(
    now: Float64s, past: Float64s, units: Positions
) -> tuple[Float64s, Float64s, Positions]:
    """Squared difference of roots from a unit's own past, from the closest other one's,
    and which."""
    a, b = np.sqrt(np.nan_to_num(now)), np.sqrt(np.nan_to_num(past))
    square = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    at = np.arange(len(units))
    own = square[at, units].copy()
    square[at, units] = np.inf
    return own, np.maximum(square.min(axis=1), 0.0), square.argmin(axis=1)


def _out_of_proportion(seen: Seen, changed: Bools, limits: PlausibilityConfig) -> list[Suspicion]:
    """Past counts changed in too many places, or single ones too far."""
    cases = int((seen.before > 0).sum())
    n = int(changed.sum())
    many = n >= _CELLS_TABLE and n > limits.rewritten_share * cases
    far = changed & (np.abs(distance(seen.after, seen.before)) >= limits.rewritten_distance)
    doubted = changed if many else far
    if not doubted.any():
        return []
    units = np.asarray(doubted.any(axis=1))
    what = counted(n, "count") if many else f"{counted(int(far.sum()), 'count')}, far,"
    message = (
        f"{what} of weeks that were settled are changed in {units_of(seen, units)}; {cases} "
        "accepted counts have cases"
    )
    return [
        of_counts(
            seen,
            doubted,
            "history-rewritten" if many else "revised-far",
            Outcome.HOLD,
            Direction.WRONG,
            message,
            _PAST,
        )
    ]


def _all_of(
    seen: Seen, units: Bools, rule: str, outcome: Outcome, message: str, fix: str
) -> Suspicion:
    """All that the drop says of these units: their newest weeks are no truer than their past."""
    doubted = seen.delivered & np.isfinite(seen.after) & units[:, None]
    return of_counts(seen, doubted, rule, outcome, Direction.WRONG, message, fix)
