"""THE availability rule: what is known at the end of an origin week.

The rule (shape letters: U units, W weeks, M months, O origins):
- cases of week t are known at origin o if `t <= o - reporting_delay_weeks`; at horizon 0 the origin
  week is the target week, so also `t <= o - 1`;
- climate of a month, a declared series' week or month, and a scene are known if their
  `available_date` is not after the last day of the origin week;
- a note is known if neither its week nor its known day is after the origin week (known_notes.py);
- a figure of a unit that does not change (census, altitude) is known at every origin;
- a count is the one that the origin knew, where its vintages are there (see known_at_origin.py);
  any other origin takes the newest one, which is hindsight. Targets are always the newest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Float64s, Int64s
from pipelines.data.known_at_origin import KnownAtOrigin, known_at_origin
from pipelines.data.known_notes import KnownNotes, known_notes
from pipelines.data.known_series import (
    MAX_AGE,
    NEVER,
    KnownSeries,
    month_of_week,
    newest_known,
    pick_known,
)
from pipelines.data.tables import Tables, latest_cases
from pipelines.weeks import Calendar

_CLIMATE = ("temp_mean_c", "rainfall_mm")


def known_lag_weeks(horizon_weeks: int, delay_weeks: int) -> int:
    """Weeks from the newest week whose cases may be used to the origin week."""
    return max(delay_weeks, 1) if horizon_weeks == 0 else delay_weeks


def known_from_week_no(available: pd.Series, calendar: Calendar) -> Int64s:
    """First origin week (ordinal) at whose end each available_date has passed."""
    days = (pd.to_datetime(available) - pd.Timestamp(calendar.first_end)).dt.days.to_numpy(np.int64)
    return np.asarray(-(-days // 7), dtype=np.int64)


def month_no(year: int, month: int) -> int:
    """Ordinal of a calendar month."""
    return 12 * year + month - 1


@dataclass(frozen=True)
class Matrices:
    """Dense units x time matrices; NaN where missing, and accessors that obey the rule.

    Attributes:
        cases: (U, W) weekly cases, column 0 is week `first_week_no`.
        climate: name -> (U, M) monthly values, column 0 is month `first_month_no`.
        climate_known_from: (U, M) first origin week that knows the month, NEVER if none.
        delay_weeks: reporting delay of cases.
        calendar: whose weeks the ordinals count.
        series: (declared name, step) -> its values.
        then: counts as origins knew them; None = as they are now.
        notes: free text; None = there is none.
    """

    unit_ids: tuple[str, ...]
    first_week_no: int
    cases: Float64s
    first_month_no: int
    climate: dict[str, Float64s]
    climate_known_from: Int64s
    delay_weeks: int
    calendar: Calendar
    series: Mapping[tuple[str, str], KnownSeries] = field(default_factory=dict)
    then: KnownAtOrigin | None = None
    notes: KnownNotes | None = None

    def cases_at(self, weeks: Int64s) -> Float64s:
        """(U, *weeks.shape) cases of today of the weeks given by ordinal, whether known or not."""
        column = np.asarray(weeks, dtype=np.int64) - self.first_week_no
        inside = (column >= 0) & (column < self.cases.shape[1])
        if not self.cases.shape[1]:
            return np.full((len(self.unit_ids), *column.shape), np.nan)
        return np.where(inside, self.cases[:, np.where(inside, column, 0)], np.nan)

    def known_cases(self, weeks: Int64s, origins: Int64s, horizon_weeks: int) -> Float64s:
        """(U, *weeks.shape) cases of weeks, NaN where not known at the origin (broadcast)."""
        weeks, origins = np.broadcast_arrays(weeks, origins)
        cases = self.cases_at(weeks)
        if self.then is not None and origins.size:
            cases = self.then.as_known_at(cases, weeks, origins)
        last_known = origins - known_lag_weeks(horizon_weeks, self.delay_weeks)
        return np.where(weeks <= last_known, cases, np.nan)

    def lagged_cases(self, origins: Int64s, lags: int, horizon_weeks: int) -> Float64s:
        """(U, O, lags) known cases, lag 0 = the newest week that the rule lets be used."""
        newest = origins - known_lag_weeks(horizon_weeks, self.delay_weeks)
        weeks = newest[:, None] - np.arange(lags)[None, :]
        return self.known_cases(weeks, origins[:, None], horizon_weeks)

    def newest_month(self, origins: Int64s) -> Int64s:
        """(U, O) ordinal of the newest month whose climate is known, -1 if there is none."""
        return newest_known(self.climate_known_from, self.first_month_no, origins)

    def climate_lags(self, name: str, origins: Int64s, lags: int) -> Float64s:
        """(U, O, lags) known monthly values, [..., 0] = the newest known month."""
        newest = self.newest_month(origins)
        oldest = month_of_week(origins, self.calendar) - MAX_AGE["month"]
        first, known_from = self.first_month_no, self.climate_known_from
        return pick_known(self.climate[name], known_from, first, newest, oldest, origins, lags)

    def blinded(self, origin_week_no: int, horizon_weeks: int, seed: int) -> Matrices:
        """The same matrices with everything that the origin does not know replaced by noise."""
        noise = np.random.default_rng(seed)
        weeks = self.first_week_no + np.arange(self.cases.shape[1])
        # The rule written a second time on purpose: a mistake in the first must not hide itself.
        hidden = weeks > origin_week_no - self.delay_weeks
        if horizon_weeks == 0:
            hidden |= weeks == origin_week_no
        later: Bools = np.broadcast_to(hidden, self.cases.shape)
        if self.then is not None and self.then.has(origin_week_no):
            later = later | (self.then.known_from > origin_week_no)
        future = self.climate_known_from > origin_week_no
        return replace(
            self,
            cases=np.where(later, noise.integers(0, 900, self.cases.shape), self.cases),
            climate={
                name: np.where(future, noise.uniform(0, 300, values.shape), values)
                for name, values in self.climate.items()
            },
            series={key: own.blinded(origin_week_no, noise) for key, own in self.series.items()},
            then=self.then and self.then.blinded(origin_week_no, noise),
            notes=self.notes and self.notes.blinded(origin_week_no, noise),
        )


def build_matrices(
    tables: Tables,
    unit_ids: Sequence[str],
    delay_weeks: int,
    calendar: Calendar,
    as_known: bool = False,
) -> Matrices:
    """Matrices of the units given, in that order, from the newest vintage of every count.

    Args:
        as_known: an origin with vintages takes the counts that it knew.
    """
    units = tuple(unit_ids)
    cases = latest_cases(tables)
    cases = cases[cases["unit_id"].isin(units)]
    first_week, week_matrix = _pivot(cases, units, cases["week_no"].to_numpy(np.int64), "cases")
    climate = tables.climate[tables.climate["unit_id"].isin(units)]
    months = (12 * climate["year"] + climate["month"] - 1).to_numpy(np.int64)
    known = climate.assign(known_from=known_from_week_no(climate["available_date"], calendar))
    first_month, known_from = _pivot(known, units, months, "known_from")
    return Matrices(
        unit_ids=units,
        first_week_no=first_week,
        cases=week_matrix,
        first_month_no=first_month,
        climate={name: _pivot(climate, units, months, name)[1] for name in _CLIMATE},
        climate_known_from=np.where(np.isnan(known_from), NEVER, known_from).astype(np.int64),
        delay_weeks=delay_weeks,
        calendar=calendar,
        series=_series(tables, units, calendar),
        then=known_at_origin(tables, units, week_matrix, first_week, delay_weeks)
        if as_known
        else None,
        notes=known_notes(
            tables.notes, units, known_from_week_no(tables.notes["known_date"], calendar)
        ),
    )


def _series(
    tables: Tables, units: tuple[str, ...], calendar: Calendar
) -> dict[tuple[str, str], KnownSeries]:
    """Every declared series that any of the units has a value of, in order of name and step."""
    rows = tables.series[tables.series["unit_id"].isin(units)]
    rows = rows.assign(known_from=known_from_week_no(rows["available_date"], calendar))
    out = {}
    for (name, step), own in rows.groupby(["name", "step"], sort=True):
        periods = own["period_no"].to_numpy(np.int64)
        first, values = _pivot(own, units, periods, "value")
        known = _pivot(own, units, periods, "known_from")[1]
        from_week = np.where(np.isnan(known), NEVER, known).astype(np.int64)
        out[str(name), str(step)] = KnownSeries(str(step), first, values, from_week, calendar)
    return out


def _pivot(
    rows: pd.DataFrame, units: tuple[str, ...], times: Int64s, name: str
) -> tuple[int, Float64s]:
    """First time ordinal and the (units, times) matrix of one column, NaN where there is no row."""
    if rows.empty:
        return 0, np.full((len(units), 0), np.nan)
    first = int(times.min())
    matrix = np.full((len(units), int(times.max()) - first + 1), np.nan)
    row = pd.Index(units).get_indexer(pd.Index(rows["unit_id"]))
    matrix[row, times - first] = rows[name].to_numpy(np.float64)
    return first, matrix
