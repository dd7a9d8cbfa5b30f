"""The total of the new weeks beside what the same units' weeks before them lead one to expect.

How far is far is the table's own: the same distance is taken at each past week, and the new one is
told if so few past ones were as far that chance alone would tell `shift_alarm_share` of ordinary
weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.arrays import Float64s
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.suspicion import Direction, Outcome, Suspicion, no_cells
from pipelines.plausibility_config import PlausibilityConfig

_BASE = 4  # weeks before, whose mean is expected
_MOST = 260  # past weeks that are looked at
_EVEN = 1.0  # cases added to both totals, so that 0 has a ratio


@dataclass(frozen=True)
class Shift:
    """New weeks beside expected ones, at each past week and, last, now.

    Attributes:
        total, expected: (N + 1, areas) cases; area 0 is all units.
        away: (N + 1, areas) log ratios.
    """

    total: Float64s
    expected: Float64s

    @property
    def away(self) -> Float64s:
        ratio: Float64s = np.log((self.total + _EVEN) / (self.expected + _EVEN))
        return ratio


def cases_shifted(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """A note where all units together, or an area, move as the table seldom did."""
    first, newest = _new_weeks(seen)
    if first is None:
        return []
    names, areas = _areas(seen)
    found = shifts(seen.after[:, : newest + 1], newest + 1 - first, areas)
    away = np.abs(found.away)
    several = len(areas) > 2  # two questions then, which share the alarms
    share = limits.shift_alarm_share / (2 if several else 1)
    if len(away) - 1 < round(1 / share) - 1:
        return []
    alarms = [0] if rank(away[:, 0]) <= share else []
    scaled = _scaled(away[:, 1:])
    if several and rank(scaled.max(axis=1)) <= share:
        alarms.append(1 + int(scaled[-1].argmax()))
    return [_note(seen, found, at, names[at], first, newest) for at in alarms]


def shifts(counts: Float64s, weeks: int, areas: Float64s) -> Shift:
    """The measure at each past week and now.

    Args:
        counts: (U, W) counts to the newest week, NaN where unknown.
        weeks: newest columns that are new.
        areas: (areas, U) 1 where a unit lies in an area.
    """
    width = _MOST + _BASE + weeks
    counts = counts[:, -width:]
    known = np.isfinite(counts)
    values = np.where(known, counts, 0.0)
    in_base, n_base = _sums(values, _BASE), _sums(known.astype(np.float64), _BASE)
    new, n_new = _sums(values, weeks), _sums(known.astype(np.float64), weeks)
    last = counts.shape[1] - weeks - _BASE + 1  # stretches of base and new weeks that fit
    in_base, n_base = in_base[:, :last], n_base[:, :last]
    new, n_new = new[:, _BASE : _BASE + last], n_new[:, _BASE : _BASE + last]
    usable = n_base > 0
    expected = np.where(usable, in_base / np.maximum(n_base, 1.0), 0.0) * n_new
    total = np.where(usable, new, 0.0)
    return Shift((areas @ total).T, (areas @ expected).T)


def rank(away: Float64s) -> float:
    """Share of all distances, the newest included, that are as far as the newest."""
    return float((away >= away[-1]).mean())


def _sums(values: Float64s, weeks: int) -> Float64s:
    """(U, W - weeks + 1) sums of each stretch of `weeks` columns."""
    run = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    out: Float64s = run[:, weeks:] - run[:, :-weeks]
    return out


def _scaled(away: Float64s) -> Float64s:
    """Distances of areas in units of each area's own usual one."""
    usual = np.maximum(np.median(away[:-1], axis=0, keepdims=True), 0.05)
    out: Float64s = away / usual
    return out


def _new_weeks(seen: Seen) -> tuple[int | None, int]:
    """First and last column of the weeks that no drop had before."""
    before = np.flatnonzero(np.isfinite(seen.before).any(axis=0))
    newest = seen.newest
    if not len(before) or newest is None or newest <= before.max():
        return None, 0
    return int(before.max()) + 1, newest


def _areas(seen: Seen) -> tuple[list[str], Float64s]:
    """Names and (areas, U) members: all units first, then each area that a unit lies in."""
    parent = np.array([seen.arrived.parents.get(unit, "") for unit in seen.unit_ids], dtype=object)
    names = sorted(set(parent) - {""})
    rows = [np.ones(len(parent)), *((parent == name).astype(np.float64) for name in names)]
    return ["all units", *names], np.stack(rows)


def _note(seen: Seen, found: Shift, at: int, name: str, first: int, newest: int) -> Suspicion:
    label = seen.calendar.week_label
    weeks = label(seen.week_no(first))
    weeks += f"..{label(seen.week_no(newest))}" if newest > first else ""
    total, expected = found.total[-1, at], found.expected[-1, at]
    message = (
        f"{total:.0f} cases of {name} in {weeks} where the weeks before lead one to expect "
        f"{expected:.0f}; of {len(found.total) - 1} past stretches few were as far off"
    )
    fix = "look for an outbreak, a changed case definition or a wrong column before relying on it"
    way = Direction.HIGH if total > expected else Direction.MISSING
    return Suspicion("cases-shifted", Outcome.NOTE, way, message, fix, no_cells())
