"""What each origin knew of the counts, where it was another count than today's.

An origin has vintages if its newest week once was the newest of a drop: it then knows what had been
received before a newer week came. Of a line list every origin has: it knows the cases that had been
reported by its end. Any other origin takes the counts of today; so does every origin for a count
that first came more than a quarter late, because it was delivered later, not reported late.
Shape letters: U units, W weeks, R counts that differ, V origins with vintages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s, Int64s
from pipelines.data.known_series import MAX_AGE
from pipelines.data.tables import Tables, latest_delays

LOOK_BACK = 56  # weeks before an origin that anything is computed from
_ALWAYS = -(2**31)
_KEY = 2**24  # more than there are weeks


@dataclass(frozen=True)
class KnownAtOrigin:
    """Counts as origins knew them, in order of origin.

    Attributes:
        origin, unit, week, value: (R,) ordinal, row of the matrices, ordinal, count (NaN =
            unknown).
        origins: (V,) ascending.
        known_from: (U, W) first of `origins` that knew today's count.
    """

    origin: Int64s
    unit: Int64s
    week: Int64s
    value: Float64s
    origins: Int64s
    known_from: Int64s

    def as_known_at(self, cases: Float64s, weeks: Int64s, origins: Int64s) -> Float64s:
        """(U, *shape) counts of `weeks`, with what `origins` knew in their place.

        Args:
            cases: (U, *shape) of today; weeks and origins are broadcast to shape.
        """
        own = slice(*np.searchsorted(self.origin, [origins.min(), origins.max() + 1]))
        if own.start == own.stop:
            return cases
        keys = np.broadcast_to(origins * _KEY + weeks, cases.shape[1:]).ravel()
        asked, back = np.unique(keys, return_inverse=True)
        mine = self.origin[own] * _KEY + self.week[own]
        at = np.minimum(np.searchsorted(asked, mine), len(asked) - 1)
        hit = asked[at] == mine
        other = np.zeros((len(cases), len(asked)), dtype=bool)
        value = np.full(other.shape, np.nan)
        other[self.unit[own][hit], at[hit]] = True
        value[self.unit[own][hit], at[hit]] = self.value[own][hit]
        shape = cases.shape
        return np.where(other[:, back].reshape(shape), value[:, back].reshape(shape), cases)

    def has(self, origin: int) -> bool:
        """Whether the origin has vintages."""
        return bool(np.isin(origin, self.origins))

    def or_next(self, origins: Int64s) -> Int64s:
        """The same origins; for one without vintages the next one that has some, if there
        is one."""
        if not len(self.origins):
            return origins
        at = np.searchsorted(self.origins, origins)
        return np.where(
            at < len(self.origins), self.origins[np.minimum(at, len(self.origins) - 1)], origins
        )

    def but_for(self, origin: Int64s, unit: Int64s, week: Int64s, value: Float64s) -> KnownAtOrigin:
        """The same, but for the counts given, which replace its own."""
        both = np.concatenate(
            [self._key(origin, unit, week), self._key(self.origin, self.unit, self.week)]
        )
        kept = np.unique(both, return_index=True)[1]  # the first of each, in order of origin
        parts = ((origin, self.origin), (unit, self.unit), (week, self.week))
        merged = [np.concatenate(part)[kept] for part in parts]
        return replace(
            self,
            origin=merged[0],
            unit=merged[1],
            week=merged[2],
            value=np.concatenate([value, self.value])[kept],
        )

    def _key(self, origin: Int64s, unit: Int64s, week: Int64s) -> Int64s:
        return (origin * len(self.known_from) + unit) * _KEY + week

    def blinded(self, origin_week_no: int, noise: np.random.Generator) -> KnownAtOrigin:
        """The same with noise in the place of what later origins knew."""
        made = noise.integers(0, 900, len(self.value)).astype(np.float64)
        return replace(self, value=np.where(self.origin > origin_week_no, made, self.value))


def nothing_else(units: int, weeks: int) -> KnownAtOrigin:
    """Every origin takes the counts of today."""
    none, always = np.zeros(0, dtype=np.int64), np.full((units, weeks), _ALWAYS, dtype=np.int64)
    return KnownAtOrigin(none, none, none, np.zeros(0), none, always)


def known_at_origin(
    tables: Tables, units: tuple[str, ...], cases: Float64s, first_week_no: int, delay_weeks: int
) -> KnownAtOrigin:
    """From a line list's days of report where there are some, else from vintages.

    Args:
        cases: (U, W) of today, in the order of `units`; column 0 is week `first_week_no`.
    """
    if len(tables.delays):
        return _of_reports(tables, units, cases, first_week_no, delay_weeks)
    return _of_vintages(tables, units, cases, first_week_no, delay_weeks)


def _of_vintages(
    tables: Tables, units: tuple[str, ...], cases: Float64s, first_week_no: int, delay_weeks: int
) -> KnownAtOrigin:
    code, days = pd.factorize(tables.cases["received_date"], sort=True)
    whole = nothing_else(*cases.shape)
    if len(days) < 2:
        return whole
    origins, last_day = _origins(tables, code, len(days), delay_weeks)
    if not len(origins):
        return whole
    rows = pd.DataFrame(
        {
            "unit": pd.Index(units).get_indexer(pd.Index(tables.cases["unit_id"])),
            "week": tables.cases["week_no"].to_numpy(np.int64),
            "code": code,
            "from": np.searchsorted(last_day, code),  # place among origins
            "value": tables.cases["cases"].to_numpy(np.float64),
        }
    )
    rows = rows[rows["unit"] >= 0].sort_values(["unit", "week", "code"], ignore_index=True)
    rows = _with_unknown(rows, origins, delay_weeks)
    same = rows[["unit", "week"]].eq(rows[["unit", "week"]].shift(-1)).all(axis=1).to_numpy()
    until = np.where(same, rows["from"].shift(-1, fill_value=0).to_numpy(np.int64), len(origins))
    week, began = rows["week"].to_numpy(np.int64), rows["from"].to_numpy(np.int64)
    unit, newest = rows["unit"].to_numpy(np.int64), ~same
    known_from = whole.known_from.copy()
    since = np.where(began > 0, origins[began], _ALWAYS)
    known_from[unit[newest], week[newest] - first_week_no] = since[newest]
    low = np.maximum(began, np.searchsorted(origins, week + delay_weeks))
    high = np.minimum(until, np.searchsorted(origins, week + LOOK_BACK, side="right"))
    cell, at = _spread(low[same], high[same])
    older = rows[same].iloc[cell]
    found = replace(whole, origins=origins, known_from=known_from)
    unit, week = (older[n].to_numpy(np.int64) for n in ("unit", "week"))
    return found.but_for(origins[at], unit, week, older["value"].to_numpy())


def _origins(tables: Tables, code: Int64s, days: int, delay_weeks: int) -> tuple[Int64s, Int64s]:
    """(V,) origins whose newest week was the newest of a drop, and the last day that counts for
    each.

    A week is there if at least half of the units have a count of it, as tables.newest_week_no says.
    """
    known = tables.cases["cases"].notna().to_numpy()
    cells = tables.cases.loc[known, ["unit_id", "week_no"]].assign(code=code[known])
    first = cells.groupby(["week_no", "unit_id"], sort=False)["code"].min().reset_index()
    weeks, at = np.unique(first["week_no"].to_numpy(np.int64), return_inverse=True)
    counts = np.zeros((len(weeks), days))
    np.add.at(counts, (at, first["code"].to_numpy()), 1)
    there = counts.cumsum(axis=1) >= max(1.0, len(tables.units) / 2)
    newest = np.where(there, weeks[:, None], np.iinfo(np.int64).min).max(
        axis=0, initial=np.iinfo(np.int64).min
    )
    some = np.flatnonzero(newest > np.iinfo(np.int64).min)
    origins, back = np.unique(newest[some], return_inverse=True)
    last_day = np.zeros(len(origins), dtype=np.int64)
    np.maximum.at(last_day, back, some)
    return origins + delay_weeks, last_day


def _with_unknown(rows: pd.DataFrame, origins: Int64s, delay_weeks: int) -> pd.DataFrame:
    """A first vintage that came late was unknown until then; one that was delivered later
    was not."""
    first = rows[~rows.duplicated(["unit", "week"])]
    came = origins[first["from"]]
    late = came - (first["week"].to_numpy() + delay_weeks)
    is_later = (late > MAX_AGE["week"]) & (first["from"] > 0).to_numpy()
    rows = rows.copy()
    rows.loc[first.index[is_later], "from"] = 0
    unknown = first[(late > 0) & ~is_later & (first["from"] > 0).to_numpy()]
    both = pd.concat([unknown.assign(**{"from": 0, "value": np.nan}), rows])
    return both.sort_values(["unit", "week", "from"], kind="stable", ignore_index=True)


def _of_reports(
    tables: Tables, units: tuple[str, ...], cases: Float64s, first_week_no: int, delay_weeks: int
) -> KnownAtOrigin:
    """At origin o a week lacks the cases that were reported after the end of week o."""
    rows = latest_delays(tables)
    rows = rows.assign(unit=pd.Index(units).get_indexer(pd.Index(rows["unit_id"])))
    column = rows["week_no"].to_numpy(np.int64) - first_week_no
    inside = (rows["unit"] >= 0).to_numpy() & (column >= 0) & (column < cases.shape[1])
    late = (rows["delay_weeks"] > delay_weeks).to_numpy() & (rows["cases"] > 0).to_numpy()
    span = _reported_origins(tables, delay_weeks)
    rows = rows[inside & late].sort_values(["unit", "week_no", "delay_weeks"], kind="stable")
    keys = [rows["unit"], rows["week_no"]]
    missing = rows["cases"][::-1].groupby([k[::-1] for k in keys]).cumsum()[::-1]
    before = rows["delay_weeks"].groupby(keys).shift(fill_value=delay_weeks).to_numpy(np.int64)
    until = np.minimum(rows["delay_weeks"].to_numpy(np.int64), LOOK_BACK)
    cell, after = _spread(before, until)
    unit, week = (rows[n].to_numpy(np.int64)[cell] for n in ("unit", "week_no"))
    known = np.maximum(cases[unit, week - first_week_no] - missing.to_numpy()[cell], 0.0)
    last = np.full(cases.shape, _ALWAYS, dtype=np.int64)
    at = (rows["unit"].to_numpy(), rows["week_no"].to_numpy(np.int64) - first_week_no)
    np.maximum.at(last, at, (rows["week_no"] + rows["delay_weeks"]).to_numpy(np.int64))
    found = replace(nothing_else(*cases.shape), origins=span, known_from=last)
    return found.but_for(week + after, unit, week, known)


def _reported_origins(tables: Tables, delay_weeks: int) -> Int64s:
    weeks = tables.delays["week_no"].to_numpy(np.int64)
    newest = int(tables.cases.loc[tables.cases["cases"].notna(), "week_no"].max())
    return np.arange(int(weeks.min()), max(newest, int(weeks.max())) + 1) + delay_weeks


def _spread(low: Int64s, high: Int64s) -> tuple[Int64s, Int64s]:
    """(place of the range, number) of every number of the ranges low..high - 1."""
    length = np.maximum(high - low, 0)
    cell = np.repeat(np.arange(len(low)), length)
    begin = np.cumsum(length) - length
    return cell, low[cell] + np.arange(length.sum()) - begin[cell]
