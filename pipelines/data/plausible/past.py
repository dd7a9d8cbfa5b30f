"""How far new values lie from the same unit's own past: at the same time of the year, or in the
nearest years.

Where nothing of the unit was accepted before, the drop's own other years are its past; a value is
never part of its own reference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s, Int64s
from pipelines.data.plausible.history import Seen
from pipelines.weeks import Calendar

_NEAREST = 9  # other years whose median is the reference: a climate drifts, and time is bounded
_NEAREST_YEARS = 3  # of a population, which grows
_KEYS = ["unit_id", "kind", "clean", "when"]
_NORMAL = 1.4826  # median absolute deviation to standard deviation
Slots = Callable[[Int64s], tuple[Int64s, Int64s]]


@dataclass(frozen=True)
class Scale:
    """How values of a kind are compared.

    Attributes:
        of: values -> scale on which a difference means the same everywhere.
        slots: times -> time of the year, and year.
        nearest: other years that make the reference.
        named: one series a name (`clean`); else all of a unit are one.
    """

    of: Callable[[Float64s], Float64s]
    slots: Slots
    nearest: int = _NEAREST
    named: bool = True


def plain(values: Float64s) -> Float64s:
    """Differences count."""
    return values


def ratio(values: Float64s) -> Float64s:
    """Ratios count; what is not positive is unknown."""
    return np.log(np.where(values > 0, values, np.nan))


def ratio_from_one(values: Float64s) -> Float64s:
    """Ratios count, but hardly below 1 (mm of rain)."""
    return np.log1p(np.maximum(values, 0.0))


def by_month(
    when: Int64s,
) -> tuple[Int64s, Int64s]:
    """Months of the year, and years."""
    return when % 12, when // 12


def by_year(
    when: Int64s,
) -> tuple[Int64s, Int64s]:
    """Years, which have one value each."""
    return np.zeros_like(when), when


def by_week(calendar: Calendar) -> Slots:
    """Weeks of the season, and years."""

    def slots(
        when: Int64s,
    ) -> tuple[Int64s, Int64s]:
        distinct, at = np.unique(when, return_inverse=True)
        season = np.array([calendar.season_week(w) for w in distinct], dtype=np.int64)
        year = np.array([calendar.epi_year(w) for w in distinct], dtype=np.int64)
        return season[at], year[at]

    return slots


POPULATION = Scale(ratio, by_year, _NEAREST_YEARS, named=False)
TEMPERATURE, RAIN = Scale(plain, by_month), Scale(ratio_from_one, by_month)


def distances(seen: Seen, kind: str, scale: Scale) -> pd.DataFrame:
    """New and changed values of a kind beside the unit's own past.

    Returns:
        CELL_KEYS, number; on the scale: `reference` (median of other years), `away` (value less
        reference), `usual` (robust standard deviation of the unit's own past around its
        references);
        n_years of the reference. Without other years: NaN, NaN, NaN, 0.
    """
    new = _news(seen, kind)
    if new.empty:
        return new.assign(reference=np.nan, away=np.nan, usual=np.nan, n_years=0)
    before = seen.known(kind)
    before = before[before["unit_id"].isin(new["unit_id"].unique())]
    known = _index(before, scale)
    own = new[~_index(new, scale).isin(known)] if len(before) else new
    past = pd.concat([before, own], ignore_index=True) if len(before) else own
    return _beside(new, past, scale)


def just_before(seen: Seen, kind: str, scale: Scale, times: int) -> pd.DataFrame:
    """Accepted values of the `times` times before the newest new one, of units that have new ones.

    Returns:
        As `distances`.
    """
    new = _news(seen, kind)
    known = seen.known(kind)
    known = known[known["unit_id"].isin(new["unit_id"].unique())].reset_index(drop=True)
    if known.empty:
        return distances(seen, kind, scale).iloc[:0]
    newest = int(new["when"].max())
    recent = known[(known["when"] < newest) & (known["when"] >= newest - times)]
    return _beside(recent.reset_index(drop=True), known, scale)


def _news(seen: Seen, kind: str) -> pd.DataFrame:
    """Values of the drop that are known and not those that were accepted."""
    new, before = seen.news(kind), seen.known(kind)
    if new.empty or before.empty:
        return new
    same = new.merge(before, on=_KEYS, how="left", suffixes=("", "_before"))
    return new[(same["number"] != same["number_before"]).to_numpy()].reset_index(drop=True)


def _index(frame: pd.DataFrame, scale: Scale) -> pd.MultiIndex:
    """Which series each cell belongs to."""
    name = frame["clean"].astype(object) if scale.named else [""] * len(frame)
    return pd.MultiIndex.from_arrays([frame["unit_id"].astype(object), name])


def _beside(new: pd.DataFrame, past: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    table = _Table(past, scale)
    reference, n_years = table.reference(new)
    away = scale.of(new["number"].to_numpy(np.float64)) - reference
    usual = table.usual(new)
    return new.assign(reference=reference, away=away, usual=usual, n_years=n_years)


def _medians(values: Float64s) -> Float64s:
    """(N,) medians of the known values of each row, of which there is at least one."""
    n = np.isfinite(values).sum(axis=1)
    in_order = np.sort(values, axis=1)  # NaN last
    low, high = (n - 1) // 2, n // 2
    rows = np.arange(len(values))
    out: Float64s = (in_order[rows, low] + in_order[rows, high]) / 2
    return out


class _Table:
    """A past as a matrix: a row a unit, fact and time of the year, a column a year."""

    def __init__(self, past: pd.DataFrame, scale: Scale) -> None:
        self._scale, self._past = scale, past
        season, year = scale.slots(past["when"].to_numpy(np.int64))
        self._facts = _index(past, scale)
        self._distinct = self._facts.unique()
        self._first = int(year.min())
        self._n_seasons = int(season.max()) + 1
        rows = self._distinct.get_indexer(self._facts) * self._n_seasons + season
        shape = (len(self._distinct) * self._n_seasons, int(year.max()) - self._first + 1)
        self._values = np.full(shape, np.nan)
        self._values[rows, year - self._first] = scale.of(past["number"].to_numpy(np.float64))

    def reference(self, cells: pd.DataFrame) -> tuple[Float64s, Int64s]:
        """(N,) medians of the nearest other years of the same time of the year, and of how many."""
        season, year = self._scale.slots(cells["when"].to_numpy(np.int64))
        fact = self._distinct.get_indexer(_index(cells, self._scale))
        inside = (fact >= 0) & (season < self._n_seasons)
        rows = np.where(inside, fact * self._n_seasons + np.minimum(season, self._n_seasons - 1), 0)
        values = np.where(inside[:, None], self._values[rows], np.nan)
        gap = np.abs(np.arange(values.shape[1])[None, :] + self._first - year[:, None])
        gap = np.where((gap == 0) | ~np.isfinite(values), np.iinfo(np.int32).max, gap)
        order = np.argsort(gap, axis=1, kind="stable")[:, : self._scale.nearest]
        near = np.take_along_axis(values, order, axis=1)
        near = np.where(
            np.take_along_axis(gap, order, axis=1) == np.iinfo(np.int32).max, np.nan, near
        )
        n_years = np.isfinite(near).sum(axis=1)
        reference = np.full(len(cells), np.nan)
        reference[n_years > 0] = _medians(near[n_years > 0])
        return reference, n_years.astype(np.int64)

    def usual(self, cells: pd.DataFrame) -> Float64s:
        """(N,) robust standard deviation of the fact's past around its own references."""
        reference, _ = self.reference(self._past)
        off = np.abs(self._scale.of(self._past["number"].to_numpy(np.float64)) - reference)
        median = pd.Series(off).groupby(self._distinct.get_indexer(self._facts)).median()
        fact = self._distinct.get_indexer(_index(cells, self._scale))
        usual: Float64s = np.asarray(median.reindex(fact), dtype=np.float64) * _NORMAL
        return usual
