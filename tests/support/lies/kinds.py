"""Drops that lie: each takes the true sheet of a week and says what it is wrong about.

A sheet is the wide table as the sample's source reads it, one row a municipality; its newest week
is w49 of
2018. A lie returns the false sheet and which cells of it are false, by the name of their column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Sheet = pd.DataFrame
Cells = set[tuple[str, str]]  # (municipality code as delivered, column)
NEWEST, BEFORE = "2018/w49", "2018/w48"
CODE = "Municipality code"


@dataclass(frozen=True)
class Told:
    """A false sheet, and which of its cells are false."""

    sheet: Sheet
    false: Cells


Lie = Callable[[Sheet, np.random.Generator], Told]


def week_columns(sheet: Sheet, until: str = NEWEST) -> list[str]:
    """Columns of weekly counts up to a week, oldest first."""
    return sorted(c for c in sheet.columns if len(c) == 8 and c[4:6] == "/w" and c <= until)


def counts(sheet: Sheet, columns: list[str]) -> npt.NDArray[np.float64]:
    """(rows, columns) numbers."""
    return sheet[columns].astype(float).to_numpy()


def cells_of(true: Sheet, columns: list[str], values: npt.NDArray[np.float64]) -> Told:
    """The sheet with these values, and every cell that differs from the truth."""
    out = true.copy()
    before = counts(true, columns)
    for at, name in enumerate(columns):
        out[name] = ["" if np.isnan(v) else f"{v:g}" for v in values[:, at]]
    row, column = np.nonzero(~((before == values) | (np.isnan(before) & np.isnan(values))))
    codes = true[CODE].to_numpy()
    return Told(out, {(str(codes[r]), columns[c]) for r, c in zip(row, column, strict=True)})


def newest_week_zero(sheet: Sheet, _: np.random.Generator) -> Told:
    return cells_of(sheet, [NEWEST], np.zeros((len(sheet), 1)))


def four_weeks_zero(sheet: Sheet, _: np.random.Generator) -> Told:
    columns = week_columns(sheet)[-4:]
    return cells_of(sheet, columns, np.zeros((len(sheet), 4)))


def a_tenth_of_the_units_zero(sheet: Sheet, noise: np.random.Generator) -> Told:
    values = counts(sheet, [NEWEST])
    values[_largest(sheet, noise, 0.1)] = 0
    return cells_of(sheet, [NEWEST], values)


def newest_week_empty(sheet: Sheet, _: np.random.Generator) -> Told:
    return cells_of(sheet, [NEWEST], np.full((len(sheet), 1), np.nan))


def newest_week_times_ten(sheet: Sheet, _: np.random.Generator) -> Told:
    return cells_of(sheet, [NEWEST], counts(sheet, [NEWEST]) * 10)


def whole_table_times_ten(sheet: Sheet, _: np.random.Generator) -> Told:
    columns = week_columns(sheet)
    return cells_of(sheet, columns, counts(sheet, columns) * 10)


def one_unit_times_fifty(sheet: Sheet, noise: np.random.Generator) -> Told:
    values = counts(sheet, [NEWEST])
    unit = _largest(sheet, noise, 1 / len(sheet))
    values[unit] = np.maximum(values[unit], 10) * 50
    return cells_of(sheet, [NEWEST], values)


def every_history_is_the_neighbours(sheet: Sheet, _: np.random.Generator) -> Told:
    columns = week_columns(sheet)
    return cells_of(sheet, columns, np.roll(counts(sheet, columns), 1, axis=0))


def newest_week_is_the_neighbours(sheet: Sheet, _: np.random.Generator) -> Told:
    return cells_of(sheet, [NEWEST], np.roll(counts(sheet, [NEWEST]), 1, axis=0))


def two_large_units_swapped(sheet: Sheet, noise: np.random.Generator) -> Told:
    columns = week_columns(sheet)
    values = counts(sheet, columns)
    one, other = _largest(sheet, noise, 2 / len(sheet))[:2]
    values[[one, other]] = values[[other, one]]
    return cells_of(sheet, columns, values)


def the_year_is_cumulative(sheet: Sheet, _: np.random.Generator) -> Told:
    columns = [c for c in week_columns(sheet) if c.startswith("2018")]
    return cells_of(sheet, columns, counts(sheet, columns).cumsum(axis=1))


def newest_week_is_cumulative(sheet: Sheet, _: np.random.Generator) -> Told:
    columns = [c for c in week_columns(sheet) if c.startswith("2018")]
    return cells_of(sheet, [NEWEST], counts(sheet, columns).sum(axis=1, keepdims=True))


def half_of_the_rows_gone(sheet: Sheet, noise: np.random.Generator) -> Told:
    gone = noise.permutation(len(sheet))[: len(sheet) // 2]
    codes = {(str(sheet[CODE].iloc[i]), NEWEST) for i in gone}
    return Told(sheet.drop(index=sheet.index[gone]), codes)


def newest_week_is_a_copy(sheet: Sheet, _: np.random.Generator) -> Told:
    return cells_of(sheet, [NEWEST], counts(sheet, [BEFORE]))


def weeks_one_column_late(sheet: Sheet, _: np.random.Generator) -> Told:
    columns = week_columns(sheet)
    return cells_of(sheet, columns, np.roll(counts(sheet, columns), 1, axis=1))


def newest_week_shuffled(sheet: Sheet, noise: np.random.Generator) -> Told:
    return cells_of(sheet, [NEWEST], noise.permutation(counts(sheet, [NEWEST])))


def newest_week_is_last_years(sheet: Sheet, _: np.random.Generator) -> Told:
    return cells_of(sheet, [NEWEST], counts(sheet, ["2017/w49"]))


def one_number_in_every_unit(sheet: Sheet, _: np.random.Generator) -> Told:
    return cells_of(sheet, [NEWEST], np.full((len(sheet), 1), 17.0))


def two_fifths_of_the_newest_week(sheet: Sheet, noise: np.random.Generator) -> Told:
    true = counts(sheet, [NEWEST]).astype(int)
    return cells_of(sheet, [NEWEST], noise.binomial(true, 0.4).astype(float))


def the_past_rewritten(sheet: Sheet, noise: np.random.Generator) -> Told:
    columns = week_columns(sheet, BEFORE)
    values = counts(sheet, columns)
    changed = noise.random(values.shape) < 0.3
    return cells_of(sheet, columns, np.where(changed, noise.poisson(values * 1.5 + 1), values))


def rain_in_metres(sheet: Sheet, _: np.random.Generator) -> Told:
    return _scaled(sheet, "PRECIPITATION_", lambda mm: mm / 1000)


def temperature_in_fahrenheit(sheet: Sheet, _: np.random.Generator) -> Told:
    return _scaled(sheet, "TEMPERATURE_", lambda c: (c * 9 / 5 + 32) / 2)  # still below 50


def population_times_ten(sheet: Sheet, _: np.random.Generator) -> Told:
    return _scaled(sheet, "Population", lambda persons: persons * 10, newest=1)


LIES: dict[str, Lie] = {
    lie.__name__.replace("_", " "): lie
    for lie in (
        newest_week_zero,
        four_weeks_zero,
        a_tenth_of_the_units_zero,
        newest_week_empty,
        newest_week_times_ten,
        whole_table_times_ten,
        one_unit_times_fifty,
        every_history_is_the_neighbours,
        newest_week_is_the_neighbours,
        two_large_units_swapped,
        the_year_is_cumulative,
        newest_week_is_cumulative,
        half_of_the_rows_gone,
        newest_week_is_a_copy,
        weeks_one_column_late,
        newest_week_shuffled,
        newest_week_is_last_years,
        one_number_in_every_unit,
        two_fifths_of_the_newest_week,
        the_past_rewritten,
        rain_in_metres,
        temperature_in_fahrenheit,
        population_times_ten,
    )
}


def _largest(sheet: Sheet, noise: np.random.Generator, share: float) -> npt.NDArray[np.intp]:
    """Places of that share of the rows, drawn among the third with most cases in the last year."""
    year = counts(sheet, week_columns(sheet)[-52:]).sum(axis=1)
    third = np.argsort(-year)[: max(2, len(sheet) // 3)]
    return noise.permutation(third)[: max(1, round(share * len(sheet)))]


def _scaled(
    sheet: Sheet,
    prefix: str,
    change: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    newest: int = 12,
) -> Told:
    """The newest columns of a kind in another unit, of those that the drop of w49 may know."""
    columns = [c for c in sheet.columns if c.startswith(prefix)]
    columns = [c for c in columns if not c.endswith(("_dec_18", "2019"))][-newest:]
    values = pd.DataFrame({c: pd.to_numeric(sheet[c], errors="coerce") for c in columns})
    return cells_of(sheet, columns, change(values.to_numpy(dtype=float)))
