"""The threshold of a row: found by unit, year of the origin and season of the target.

Shape letters: U units, Y origin years, S seasons.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s, Int64s
from pipelines.errors import ConfigError
from pipelines.weeks import SEASON_WEEKS, Calendar

THRESHOLD_KEYS = ("unit_id", "origin_year", "season_week", "threshold_cases")


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Thresholds that can be used, asked row by row or for many rows at once.

    A row whose origin lies in the year after the newest one gets that newest year's threshold: a
    model goes on serving in January until the next one is trained. Later origins, and those before
    the first year, have none.

    Attributes:
        origin_years: consecutive years; empty = the same for every origin.
        cases: (U, Y or 1, 52 or 1) weekly cases, NaN where none can be used.
    """

    unit_ids: tuple[str, ...]
    origin_years: tuple[int, ...]
    cases: Float64s
    calendar: Calendar

    @classmethod
    def of_table(cls, table: pd.DataFrame, calendar: Calendar) -> Thresholds:
        """The usable rows of a table of labels.THRESHOLD_COLUMNS (or of THRESHOLD_KEYS alone)."""
        if "in_pool" in table:
            table = table[table["in_pool"].astype(bool)]
        if "refused_reason" in table:
            table = table[table["refused_reason"].isna()]
        table = table.reindex(
            columns=list(THRESHOLD_KEYS)
        )  # the first version's had no years and seasons
        units = pd.Index(sorted(table["unit_id"].unique()))
        named = sorted({int(year) for year in table["origin_year"].dropna()})
        years = tuple(range(*_span(named)))
        seasonal = bool(table["season_week"].notna().any())
        cases = np.full((len(units), len(years) or 1, SEASON_WEEKS if seasonal else 1), np.nan)
        at = (
            units.get_indexer(pd.Index(table["unit_id"])),
            table["origin_year"].to_numpy(np.float64).astype(np.int64) - years[0] if years else 0,
            table["season_week"].to_numpy(np.float64).astype(np.int64) - 1 if seasonal else 0,
        )
        cases[at] = table["threshold_cases"].to_numpy(np.float64)
        return cls(tuple(map(str, units)), years, cases, calendar)

    @classmethod
    def of_units(cls, cases: dict[str, float], calendar: Calendar) -> Thresholds:
        """One threshold a unit, for every origin and season."""
        values = np.array(list(cases.values()), dtype=np.float64).reshape(-1, 1, 1)
        return cls(tuple(cases), (), values, calendar)

    def table(self) -> pd.DataFrame:
        """The inverse of of_table: THRESHOLD_KEYS, one row a threshold, by unit, year and
        season."""
        unit, year, season = np.nonzero(~np.isnan(self.cases))
        years = np.array(self.origin_years or (np.nan,), dtype=np.float64)
        seasons = (
            np.arange(1.0, SEASON_WEEKS + 1) if self.cases.shape[2] > 1 else np.array([np.nan])
        )
        values = (
            np.array(self.unit_ids, dtype=object)[unit],
            years[year],
            seasons[season],
            self.cases[unit, year, season],
        )
        return pd.DataFrame(dict(zip(THRESHOLD_KEYS, values, strict=True)))

    @property
    def plain(self) -> bool:
        """Whether every unit has one threshold, whatever origin and season."""
        return not self.origin_years and self.cases.shape[2] == 1

    def __contains__(self, unit_id: object) -> bool:
        return unit_id in self._place

    def __len__(self) -> int:
        """Number of units."""
        return len(self.unit_ids)

    def of_rows(
        self, unit_id: Sequence[str], origin_week_no: Int64s, target_week_no: Int64s
    ) -> Float64s:
        """(N,) threshold of each row, NaN where there is none that can be used."""
        unit = pd.Index(self.unit_ids).get_indexer(pd.Index(unit_id))
        year, season = self._years(origin_week_no), self._seasons(target_week_no)
        found = (unit >= 0) & (year >= 0)
        if not len(self.unit_ids):
            return np.full(len(unit), np.nan)
        return np.where(found, self.cases[unit, year, season], np.nan)

    def of(self, unit_id: str, origin_week_no: int | None, horizon_weeks: int) -> float:
        """The threshold of one row.

        Raises:
            ConfigError: the unit is not known, the origin week is needed and absent, or no
                threshold can be used there.
        """
        if unit_id not in self:
            raise ConfigError(
                f"municipality {unit_id} is not one of the {len(self)} that the model knows",
                where=unit_id,
                fix="ask about a municipality of the training pool",
            )
        if self.plain:
            return float(self.cases[self._place[unit_id], 0, 0])
        if origin_week_no is None:
            raise ConfigError(
                "the row has no origin week, and the thresholds of this model's label rule differ "
                "by the year of the origin or the season of the target",
                where=unit_id,
                fix="send origin_week, such as 2018-w48, with every row",
            )
        weeks = np.array([origin_week_no], dtype=np.int64)
        found = float(self.of_rows([unit_id], weeks, weeks + horizon_weeks)[0])
        if np.isnan(found):
            raise ConfigError(
                self._why_none(unit_id, origin_week_no, horizon_weeks),
                where=unit_id,
                fix=(
                    "ask about another week, or train again; labels.rule.floor_cases gives weeks "
                    "without usual cases a threshold"
                ),
            )
        return found

    @cached_property
    def _place(self) -> dict[str, int]:
        return {unit: i for i, unit in enumerate(self.unit_ids)}

    def _years(self, origins: Int64s) -> Int64s:
        """(N,) place of each origin's year, -1 where there is none."""
        if not self.origin_years:
            return np.zeros(len(origins), dtype=np.int64)
        first, last = self.origin_years[0], self.origin_years[-1]
        year = _of_weeks(origins, self.calendar.epi_year)
        served = np.where(year == last + 1, last, year)
        return np.where((served >= first) & (served <= last), served - first, -1)

    def _seasons(self, targets: Int64s) -> Int64s:
        """(N,) place of each target's season."""
        if self.cases.shape[2] == 1:
            return np.zeros(len(targets), dtype=np.int64)
        return _of_weeks(targets, self.calendar.season_week) - 1

    def _why_none(self, unit_id: str, origin_week_no: int, horizon_weeks: int) -> str:
        label = self.calendar.week_label
        if self.origin_years and self._years(np.array([origin_week_no]))[0] < 0:
            return (
                "the model has thresholds for origins of "
                f"{self.origin_years[0]}..{self.origin_years[-1]} and the year after, not for "
                f"{label(origin_week_no)}"
            )
        return (
            f"the label rule gives {unit_id} no threshold for "
            f"{label(origin_week_no + horizon_weeks)}, asked in {label(origin_week_no)}"
        )


def _of_weeks(weeks: Int64s, what: Callable[[int], int]) -> Int64s:
    distinct, inverse = np.unique(np.asarray(weeks, dtype=np.int64), return_inverse=True)
    return np.array([what(int(week)) for week in distinct], dtype=np.int64).reshape(-1)[inverse]


def _span(years: Sequence[int]) -> tuple[int, int]:
    return (years[0], years[-1] + 1) if years else (0, 0)
