"""The reference forecasts as forecasters, so that the simplest one that is best may serve.

The class at origin is the class of the last week whose cases were known then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipelines.arrays import Float64s, Int64s
from pipelines.errors import StoreError
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds
from pipelines.fusion.weights import FIX
from pipelines.storage import read_json, write_json

_FILE = "baseline.json"
_RECENT = tuple(f"log1p_cases_lag{k:02d}" for k in range(4))
_CLIMATOLOGY_HALF_WINDOW_WEEKS = 1
_CLIMATOLOGY_PRIOR_WEEKS = 4.0  # weight of the prevalence, in weeks: two past years give six
_YEAR_WEEKS = 52  # week 53, which some tables lack, shares the place of week 52


def class_at_origin(examples: Examples) -> Float64s:
    """(N,) 1.0 or 0.0: last known weekly cases above the threshold or not; NaN if none is known.

    Counts are whole, so undoing log1p in float32 and rounding gives them back exactly.
    """
    lags = examples.columns(_RECENT)
    newest = np.argmax(np.isfinite(lags), axis=1)
    cases = np.rint(np.expm1(lags[np.arange(len(lags)), newest]))
    above = (cases > examples.threshold_cases).astype(np.float64)
    return np.where(np.isfinite(cases), above, np.nan)


@dataclass(frozen=True)
class _Stored:
    """A baseline whose numbers are JSON."""

    lone_row: ClassVar[bool] = True

    def save(self, folder: Path) -> None:
        """Write its numbers."""
        write_json(folder / _FILE, {"baseline": type(self).__name__, **asdict(self)})

    @classmethod
    def numbers(cls, folder: Path) -> Mapping[str, Any]:
        """What save wrote. Raises StoreError if it was another baseline's."""
        found: dict[str, Any] = read_json(folder / _FILE)
        if found.pop("baseline", None) != cls.__name__:
            raise StoreError(f"{_FILE} is not that of {cls.__name__}", where=str(folder), fix=FIX)
        return found


@dataclass(frozen=True)
class Prevalence(_Stored):
    """The training rate, for every row."""

    rate: float

    columns: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def fit(cls, train: Examples, folds: Folds | None = None, config: Any = None) -> Prevalence:
        """The rate of the training rows."""
        del folds, config
        return cls(float(train.label.mean(dtype=np.float64)))

    def predict_proba(self, rows: Examples) -> Float64s:
        """(N,)"""
        return np.full(len(rows), self.rate)

    @classmethod
    def load(cls, folder: Path) -> Prevalence:
        """The inverse of save."""
        return cls(float(cls.numbers(folder)["rate"]))


@dataclass(frozen=True)
class Persistence(_Stored):
    """The class at origin as a certainty; 0 where no recent count is known."""

    columns: ClassVar[tuple[str, ...]] = (*_RECENT, "threshold_cases")

    @classmethod
    def fit(cls, train: Examples, folds: Folds | None = None, config: Any = None) -> Persistence:
        """There is nothing to learn."""
        del train, folds, config
        return cls()

    def predict_proba(self, rows: Examples) -> Float64s:
        """(N,)"""
        return np.nan_to_num(class_at_origin(rows), nan=0.0)

    @classmethod
    def load(cls, folder: Path) -> Persistence:
        """The inverse of save."""
        cls.numbers(folder)
        return cls()


@dataclass(frozen=True)
class PersistenceCalibrated(_Stored):
    """Training rate of outbreak given the class at origin; prevalence where that is unknown.

    A class that no training row had at its origin has the prevalence too.
    """

    unknown: float
    after: tuple[float, float]  # a week without outbreak, a week with one

    columns: ClassVar[tuple[str, ...]] = (*_RECENT, "threshold_cases")

    @classmethod
    def fit(
        cls, train: Examples, folds: Folds | None = None, config: Any = None
    ) -> PersistenceCalibrated:
        """The rates of the training rows."""
        del folds, config
        was, rate = class_at_origin(train), Prevalence.fit(train).rate
        after = []
        for value in (0.0, 1.0):
            seen = was == value
            after.append(float(train.label[seen].mean(dtype=np.float64)) if seen.any() else rate)
        return cls(rate, (after[0], after[1]))

    def predict_proba(self, rows: Examples) -> Float64s:
        """(N,)"""
        now = class_at_origin(rows)
        known = np.where(now == 1.0, self.after[1], self.after[0])
        return np.where(np.isnan(now), self.unknown, known)

    @classmethod
    def load(cls, folder: Path) -> PersistenceCalibrated:
        """The inverse of save."""
        found = cls.numbers(folder)
        return cls(float(found["unknown"]), (float(found["after"][0]), float(found["after"][1])))


@dataclass(frozen=True)
class Climatology(_Stored):
    """Rate in the same week of the year +-1 of past years, by unit.

    Shrunk to the prevalence as if it had been seen for four weeks; a unit without past gets the
    prevalence. It reads the target week of a row, so covariates alone do not carry what it needs.
    """

    unknown: float
    rates: Mapping[str, tuple[float, ...]]  # unit -> 52 weeks

    lone_row: ClassVar[bool] = False
    columns: ClassVar[tuple[str, ...]] = ("unit_id", "target_week_no")

    @classmethod
    def fit(cls, train: Examples, folds: Folds | None = None, config: Any = None) -> Climatology:
        """The shrunk rates of the training rows."""
        del folds, config
        units, own = np.unique(train.unit_id.astype(str), return_inverse=True)
        cell, size = own * _YEAR_WEEKS + week_place(train), len(units) * _YEAR_WEEKS
        rate = Prevalence.fit(train).rate
        rows = _windowed(np.bincount(cell, minlength=size))
        outbreaks = _windowed(np.bincount(cell, train.label.astype(np.float64), size))
        shrunk = (outbreaks + _CLIMATOLOGY_PRIOR_WEEKS * rate) / (rows + _CLIMATOLOGY_PRIOR_WEEKS)
        return cls(rate, {str(u): tuple(r) for u, r in zip(units, shrunk.tolist(), strict=True)})

    def predict_proba(self, rows: Examples) -> Float64s:
        """(N,)"""
        units, own = np.unique(rows.unit_id.astype(str), return_inverse=True)
        flat = (self.unknown,) * _YEAR_WEEKS
        table = np.array([self.rates.get(str(unit), flat) for unit in units]).reshape(
            -1, _YEAR_WEEKS
        )
        return np.asarray(table[own, week_place(rows)], dtype=np.float64)

    @classmethod
    def load(cls, folder: Path) -> Climatology:
        """The inverse of save. Raises StoreError on a year of another length."""
        found = cls.numbers(folder)
        rates = {str(unit): tuple(map(float, year)) for unit, year in found["rates"].items()}
        if any(len(year) != _YEAR_WEEKS for year in rates.values()):
            raise StoreError(
                f"a unit's climatology has not {_YEAR_WEEKS} weeks", where=str(folder), fix=FIX
            )
        return cls(float(found["unknown"]), rates)


def week_place(rows: Examples) -> Int64s:
    """(N,) 0..51: place of each target week in its year."""
    distinct, inverse = np.unique(rows.target_week_no, return_inverse=True)
    places = [min(rows.calendar.week_of_year(n), _YEAR_WEEKS) - 1 for n in distinct]
    return np.array(places, dtype=np.int64)[inverse]


def _windowed(cells: Float64s | Int64s) -> Float64s:
    year = cells.reshape(-1, _YEAR_WEEKS).astype(np.float64)
    steps = range(-_CLIMATOLOGY_HALF_WINDOW_WEEKS, _CLIMATOLOGY_HALF_WINDOW_WEEKS + 1)
    return np.asarray(sum(np.roll(year, step, axis=1) for step in steps))
