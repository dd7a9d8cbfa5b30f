"""More drops that lie: slips of exports, of one area or of several weeks, that kinds.py has not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd
from support.lies.kinds import CODE, NEWEST, Lie, Sheet, Told, cells_of, counts, week_columns

Values = npt.NDArray[np.float64]
_PEOPLE = 100_000.0


def areas(sheet: Sheet) -> npt.NDArray[np.object_]:
    """(rows,) what each unit lies in: the first two digits of its code, or its first part."""
    codes = sheet[CODE].astype(str)
    digits = codes.str.zfill(5).str[:2]
    return np.where(codes.str.contains("/"), codes.str.split("/").str[0], digits)


def _largest_area(sheet: Sheet, nth: int = 0) -> npt.NDArray[np.intp]:
    """Rows of the area with most cases in the last year of those with three units or more, or the
    nth.
    """
    area, year = areas(sheet), counts(sheet, week_columns(sheet)[-53:-1]).sum(axis=1)
    names, n = np.unique(area, return_counts=True)
    names = names[n >= min(3, n.max())]
    cases = [year[area == name].sum() for name in names]
    return np.flatnonzero(area == names[np.argsort(cases)[::-1][min(nth, len(names) - 1)]])


def _newest(
    sheet: Sheet, change: Callable[[Values, Values], Values], units: object = slice(None)
) -> Told:
    """The newest week of units from (their newest counts, all their counts)."""
    values, every = counts(sheet, [NEWEST]), counts(sheet, week_columns(sheet))
    values[units, 0] = change(values[units, 0], every[units])
    return cells_of(sheet, [NEWEST], values)


def _weeks(
    sheet: Sheet,
    change: Callable[[Values], Values],
    columns: list[str],
    units: object = slice(None),
) -> Told:
    """Weeks of units from their own counts in them."""
    values = counts(sheet, columns)
    values[units] = change(values[units])
    return cells_of(sheet, columns, values)


def newest_two_weeks_exchanged(sheet: Sheet, _: np.random.Generator) -> Told:
    return _weeks(sheet, lambda x: x[:, ::-1], week_columns(sheet)[-2:])


def weeks_one_column_early(sheet: Sheet, _: np.random.Generator) -> Told:
    return _weeks(sheet, lambda x: np.roll(x, -1, axis=1), week_columns(sheet))


def newest_eight_one_column_late(sheet: Sheet, _: np.random.Generator) -> Told:
    return _weeks(sheet, lambda x: np.column_stack([x[:, 0], x[:, :-1]]), week_columns(sheet)[-8:])


def histories_reversed_in_time(sheet: Sheet, _: np.random.Generator) -> Told:
    return _weeks(sheet, lambda x: x[:, ::-1], week_columns(sheet))


def last_four_weeks_are_the_four_before(sheet: Sheet, _: np.random.Generator) -> Told:
    return _weeks(sheet, lambda x: np.hstack([x[:, :4], x[:, :4]]), week_columns(sheet)[-8:])


def the_whole_year_before_is_another(sheet: Sheet, _: np.random.Generator) -> Told:
    columns = week_columns(sheet)[:-49]
    return cells_of(sheet, columns[-52:], counts(sheet, columns[-104:-52]))


def newest_week_holds_two_weeks(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, own: x + own[:, -2])


def eight_weeks_hold_two_weeks_each(sheet: Sheet, _: np.random.Generator) -> Told:
    return _weeks(
        sheet, lambda x: np.column_stack([x[:, 0], x[:, 1:] + x[:, :-1]]), week_columns(sheet)[-9:]
    )


def newest_week_is_the_mean_of_four(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda _, own: np.round(own[:, -5:-1].mean(axis=1)))


def small_units_have_the_tables_mean(sheet: Sheet, _: np.random.Generator) -> Told:
    level = counts(sheet, week_columns(sheet)[-5:-1]).mean(axis=1)
    mean = float(np.ceil(counts(sheet, [NEWEST]).mean()))
    return _newest(sheet, lambda x, _: np.full(len(x), mean), level < 3)


def two_fifths_in_four_weeks(sheet: Sheet, noise: np.random.Generator) -> Told:
    return _weeks(
        sheet, lambda x: noise.binomial(x.astype(int), 0.4).astype(float), week_columns(sheet)[-4:]
    )


def an_area_zero(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: x * 0, _largest_area(sheet))


def an_area_halved(sheet: Sheet, noise: np.random.Generator) -> Told:
    return _newest(
        sheet, lambda x, _: noise.binomial(x.astype(int), 0.5).astype(float), _largest_area(sheet)
    )


def an_area_has_another_areas_counts(sheet: Sheet, _: np.random.Generator) -> Told:
    own, other = _largest_area(sheet), _largest_area(sheet, 1)
    theirs = counts(sheet, [NEWEST])[other, 0]
    return _newest(sheet, lambda x, _: np.resize(theirs, len(x)), own)


def an_area_is_counted_in_its_capital(sheet: Sheet, _: np.random.Generator) -> Told:
    def moved(x: Values, own: Values) -> Values:
        out = np.zeros(len(x))
        out[own.sum(axis=1).argmax()] = x.sum()
        return out

    return _newest(sheet, moved, _largest_area(sheet))


def an_area_sorted_by_size(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: np.sort(x)[::-1], _largest_area(sheet))


def an_areas_newest_week_is_the_neighbours(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: np.roll(x, 1), _largest_area(sheet))


def an_areas_histories_are_the_neighbours(sheet: Sheet, _: np.random.Generator) -> Told:
    return _weeks(sheet, lambda x: np.roll(x, 1, axis=0), week_columns(sheet), _largest_area(sheet))


def an_area_copies_the_week_before(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda _, own: own[:, -2], _largest_area(sheet))


def an_area_has_last_years_week(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda _, own: own[:, -53], _largest_area(sheet))


def every_second_unit_zero(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: x * 0, slice(None, None, 2))


def a_third_of_the_units_zero(sheet: Sheet, noise: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: x * 0, noise.permutation(len(sheet))[: len(sheet) // 3])


def every_second_unit_doubled(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: x * 2, slice(None, None, 2))


def every_second_history_doubled(sheet: Sheet, _: np.random.Generator) -> Told:
    return _weeks(sheet, lambda x: x * 2, week_columns(sheet), slice(None, None, 2))


def five_added_to_every_unit(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: x + 5)


def one_added_to_every_unit(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: x + 1)


def newest_week_as_rates(sheet: Sheet, _: np.random.Generator) -> Told:
    people = pd.to_numeric(sheet["Population2018"]).to_numpy(float)
    return _newest(sheet, lambda x, _: np.round(x / np.maximum(people, 1) * _PEOPLE))


def only_the_last_digit(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: x % 10)


def nothing_above_nine(sheet: Sheet, _: np.random.Generator) -> Told:
    return _newest(sheet, lambda x, _: np.minimum(x, 9))


def climate_of_the_neighbours(sheet: Sheet, _: np.random.Generator) -> Told:
    return _climate(sheet, ("TEMPERATURE_", "PRECIPITATION_"), lambda x: np.roll(x, 1, axis=0))


def climate_of_the_year_before(sheet: Sheet, _: np.random.Generator) -> Told:
    return _climate(
        sheet, ("TEMPERATURE_", "PRECIPITATION_"), lambda x: np.hstack([x[:, :12], x[:, :12]]), 24
    )


def no_rain_at_all(sheet: Sheet, _: np.random.Generator) -> Told:
    return _climate(sheet, ("PRECIPITATION_",), lambda x: x * 0)


def population_of_the_cases_column(sheet: Sheet, _: np.random.Generator) -> Told:
    return cells_of(sheet, ["Population2018"], counts(sheet, ["Cases2017"]))


def population_of_ten_years_ago(sheet: Sheet, _: np.random.Generator) -> Told:
    return cells_of(sheet, ["Population2018"], counts(sheet, ["Population2008"]))


def _climate(
    sheet: Sheet, prefixes: tuple[str, ...], change: Callable[[Values], Values], months: int = 12
) -> Told:
    """The newest months of each kind of those that the drop of w49 may know."""
    parts, names = [], []
    for prefix in prefixes:
        columns = [c for c in sheet.columns if c.startswith(prefix) and not c.endswith("_dec_18")]
        values = pd.DataFrame(
            {c: pd.to_numeric(sheet[c], errors="coerce") for c in columns[-months:]}
        )
        parts.append(change(values.to_numpy(dtype=float)))
        names += columns[-months:]
    return cells_of(sheet, names, np.hstack(parts))


def _named(*lies: Lie) -> dict[str, Lie]:
    return {lie.__name__.replace("_", " "): lie for lie in lies}


SLIPS: dict[str, Lie] = _named(
    newest_two_weeks_exchanged,
    weeks_one_column_early,
    newest_eight_one_column_late,
    histories_reversed_in_time,
    last_four_weeks_are_the_four_before,
    the_whole_year_before_is_another,
    eight_weeks_hold_two_weeks_each,
    newest_week_is_the_mean_of_four,
    small_units_have_the_tables_mean,
    two_fifths_in_four_weeks,
    an_areas_histories_are_the_neighbours,
    every_second_history_doubled,
    five_added_to_every_unit,
    one_added_to_every_unit,
    newest_week_as_rates,
    only_the_last_digit,
    climate_of_the_neighbours,
    climate_of_the_year_before,
    no_rain_at_all,
    population_of_the_cases_column,
)
# Seen on some tables and at some sizes alone, or not at all: docs/plausibility.md says which.
PARTLY_SEEN: dict[str, Lie] = _named(
    newest_week_holds_two_weeks,
    nothing_above_nine,
    an_area_zero,
    an_area_halved,
    an_area_has_another_areas_counts,
    an_area_is_counted_in_its_capital,
    an_area_sorted_by_size,
    an_areas_newest_week_is_the_neighbours,
    an_area_copies_the_week_before,
    an_area_has_last_years_week,
    every_second_unit_zero,
    a_third_of_the_units_zero,
    every_second_unit_doubled,
    population_of_ten_years_ago,
)
