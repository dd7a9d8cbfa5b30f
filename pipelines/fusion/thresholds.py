"""Thresholds of a bundle: which weekly cases the label rule asks of a unit, in which week.

Belongs here: looking a threshold up and its file. Does not belong here: label rules
(pipelines/data/labels.py); every row of Examples carries its own threshold.

A rule with one threshold a unit needs no table: bundle.json names it. A rule whose thresholds
follow the season or the origin year has a table, thresholds.parquet, one line for each
(unit_id, origin_year, season_week), which are years and weeks of the place's calendar.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from pipelines.errors import StoreError
from pipelines.fusion.examples import Examples
from pipelines.storage import write_atomic
from pipelines.weeks import Calendar

COLUMNS = ("unit_id", "origin_year", "season_week", "threshold_cases")
_FIX = "train again, or fetch the bundle again from the registry"


@dataclass(frozen=True)
class ThresholdTable:
    """Thresholds by unit, year of the origin and week of the target's season."""

    rows: pd.DataFrame  # COLUMNS, sorted

    @cached_property
    def _by_key(self) -> Mapping[tuple[str, int, int], float]:
        keys = zip(self.rows["unit_id"], self.rows["origin_year"], self.rows["season_week"], strict=True)  # fmt: skip
        return dict(zip(keys, self.rows["threshold_cases"], strict=True))

    @cached_property
    def _newest_year(self) -> Mapping[str, int]:
        newest = self.rows.groupby("unit_id")["origin_year"].max()
        return {str(unit): int(year) for unit, year in newest.items()}

    def of(self, unit_id: str, origin_week_no: int, target_week_no: int, calendar: Calendar) -> float | None:  # fmt: skip
        """The threshold of a target week as known at an origin; None if the table has none.

        An origin year that the bundle has not seen has the thresholds of the newest one it has.
        """
        newest = self._newest_year.get(unit_id)
        if newest is None:
            return None
        year = min(calendar.epi_year(origin_week_no), newest)
        return self._by_key.get((unit_id, year, calendar.week_of_year(target_week_no)))

    def save(self, path: Path) -> None:
        """Write it; equal tables give equal bytes."""
        buffer = io.BytesIO()
        self.rows.to_parquet(buffer, index=False)
        write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> ThresholdTable:
        """Read it. Raises StoreError if it lacks a column or cannot be read."""
        try:
            return cls(pd.read_parquet(path, columns=list(COLUMNS)))
        except (OSError, ValueError, KeyError) as err:
            raise StoreError(f"the thresholds cannot be read: {err}", where=str(path), fix=_FIX) from err  # fmt: skip


def threshold_table(examples: Iterable[Examples]) -> ThresholdTable | None:
    """The thresholds that rows carry; None where every unit has one and the same.

    Raises:
        StoreError: rows of one unit, origin year and season week carry different ones.
    """
    every = list(examples)
    plain = pd.concat([pd.DataFrame({"unit": one.unit_id, "cases": one.threshold_cases}) for one in every])  # fmt: skip
    if plain.groupby("unit")["cases"].nunique().max() <= 1:
        return None
    rows = pd.concat([_keyed(one) for one in every], ignore_index=True).drop_duplicates()
    ordered = rows.sort_values(list(COLUMNS), ignore_index=True)
    twice = ordered.duplicated(list(COLUMNS[:3]))
    if twice.any():
        first = ordered[twice].iloc[0]
        raise StoreError(f"unit {first['unit_id']} has two thresholds for week {first['season_week']} at origins of {first['origin_year']}", fix="let the label rule give one threshold a unit, origin year and season week")  # fmt: skip
    return ThresholdTable(ordered)


def _keyed(rows: Examples) -> pd.DataFrame:
    calendar = rows.calendar
    years = {n: calendar.epi_year(n) for n in set(rows.origin_week_no.tolist())}
    weeks = {n: calendar.week_of_year(n) for n in set(rows.target_week_no.tolist())}
    return pd.DataFrame(
        {
            "unit_id": rows.unit_id.astype(str),
            "origin_year": [years[n] for n in rows.origin_week_no.tolist()],
            "season_week": [weeks[n] for n in rows.target_week_no.tolist()],
            "threshold_cases": rows.threshold_cases.astype(float),
        }
    )
