"""One record a unit and week: what the adapters of such tables share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipelines.arrays import Bools, Days, Int64s
from pipelines.contracts import Level
from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.declared import add_series, own_names
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.figures import decimal_of, figures
from pipelines.data.adapters.months_of_series import KINDS, add_climate
from pipelines.data.adapters.names import Names, choose, require
from pipelines.data.adapters.options import options_of
from pipelines.data.adapters.records import Table, absent, open_table
from pipelines.data.adapters.rules import counted, rule_columns
from pipelines.data.adapters.times import weeks_of

WANTED = ("name", "year", "week", "date", "start", "end", "cases", "population", *KINDS)
_TIMES = ("year", "week", "date", "start", "end", "month")


@dataclass(frozen=True)
class Layout:
    """A fixed layout: its columns by our names, and the records that are counts of weeks.

    Attributes:
        keep: column -> values that a record must have, unless the profile's `keep` says otherwise.
    """

    columns: Mapping[str, str] | None = None
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_counts(file: InputFile, layout: Layout = Layout()) -> Reading:
    """A table of weekly counts. Raises Unreadable for what makes the file of no use."""
    table = open_table(file)
    names = choose(table, WANTED, layout.columns)
    require(table, names, "cases")
    draft = drafted(table, names, layout.keep)
    week = weeks_of(draft, names)
    decimal = decimal_of(draft.records, _figure_columns(names), table.separator)
    _add_cases(draft, names["cases"][0], week, decimal)
    add_population(draft, names, years_of_weeks(draft, week), decimal)
    add_demographics(draft, names, decimal)
    days = first_days(draft, week)
    add_climate(draft, names, days, "week", decimal)
    add_series(draft, names, file.config.series, days, "week", decimal)
    return draft.reading()


def drafted(table: Table, names: Names, keep: Mapping[str, tuple[str, ...]] | None = None) -> Draft:
    """The table's records with their units; those that rules leave out are gone."""
    file, fixed = table.file, {k: v for k, v in (keep or {}).items() if k in table.header}
    alone, every = options_of(file).unit, options_of(file).every_unit
    if every and ("cases" in names or "unit" in names or file.config.table == "units"):
        raise stop(
            "unit-not-told",
            "`every_unit` is for series that hold for all units alike, in a file that names none",
            file.named,
            "remove the option and name the column of the unit, or name the columns without it",
        )
    if "unit" not in names and alone is None and not every:
        require(table, names, "unit")
    columns = [c for several in names.values() for c in several]
    draft = Draft(table.records([*columns, *rule_columns(table), *fixed]))
    draft.leave_notes(_without_time(draft, names))
    draft.fine &= counted(draft, {k: v for k, v in fixed.items() if k not in file.config.keep})
    if every:
        draft.every_unit()
    elif "unit" in names:
        texts = {
            our: draft.records.columns[names[our][0]] for our in ("name", "parent") if our in names
        }
        draft.units(names["unit"], texts.get("name"), texts.get("parent"))
    else:
        draft.one_unit(str(alone), "options.unit")
    return draft


def _without_time(draft: Draft, names: Names) -> Bools:
    columns = [names[our][0] for our in _TIMES if our in names]
    empty = [absent(draft.records.columns[c]) for c in columns]
    return np.any(empty, axis=0) if empty else np.zeros(len(draft.records), dtype=bool)


def _figure_columns(names: Names) -> list[str]:
    return [
        c
        for our, several in names.items()
        if our not in ("unit", "name", "parent", *_TIMES)
        for c in several
    ]


def _add_cases(draft: Draft, column: str, week: Int64s, decimal: str) -> None:
    text = draft.records.columns[column]
    value, number, odd = figures(text, decimal)
    draft.refuse(
        odd,
        column,
        text,
        "decimal-point",
        "a decimal point in a file with decimal commas",
        "write all numbers with one decimal sign, and declare it",
    )
    draft.add("week", column, week, value, number)


def years_of_weeks(draft: Draft, week: Int64s) -> Int64s:
    """(N,) year that each record's week belongs to."""
    distinct, at = np.unique(week, return_inverse=True)
    years = np.array([draft.file.calendar.epi_year(w) for w in distinct], dtype=np.int64)
    return years[at] if len(week) else week


def first_days(draft: Draft, week: Int64s) -> Days:
    """(N,) first day of each record's week."""
    start = np.datetime64(draft.file.calendar.week_start(0), "D")
    return np.asarray(start + (7 * week).astype("timedelta64[D]"))


def add_population(draft: Draft, names: Names, year: Int64s, decimal: str) -> None:
    """Population cells, persons; a year's name is part of the clean column."""
    if "population" not in names:
        return
    column = names["population"][0]
    value, number, odd = figures(draft.records.columns[column], decimal)
    draft.refuse_cells(
        odd,
        column,
        value,
        "decimal-point",
        "a decimal point in a file with decimal commas",
        "write all numbers with one decimal sign",
    )
    whole = np.isfinite(number) & (number == np.round(number))
    value = value.copy()
    value[whole] = [str(int(n)) for n in number[whole]]  # 210000.0 is a count, not a fraction
    fine = draft.fine.copy()
    for y in np.unique(year[fine]):
        draft.fine = fine & (year == y)
        draft.add("population", column, year, value, number, f"population_{int(y)}")
    draft.fine = fine


def add_demographics(draft: Draft, names: Names, decimal: str) -> None:
    """Every other declared column, under our name: `households_without_water_pct` and the like."""
    for our in own_names(draft, names, but=draft.file.config.series):
        column = names[our][0]
        value, number, _ = figures(draft.records.columns[column], decimal)
        draft.add("demographic", column, np.zeros(len(value), dtype=np.int64), value, number, our)


def read_units(file: InputFile) -> Reading:
    """A table of units: population by year, and covariates that do not change."""
    table = open_table(file)
    names = choose(table, ("name", "year", "population"))
    draft = drafted(table, names)
    decimal = decimal_of(draft.records, _figure_columns(names), table.separator)
    add_population(draft, names, _years(draft, names), decimal)
    add_demographics(draft, names, decimal)
    return draft.reading()


def _years(draft: Draft, names: Names) -> Int64s:
    n = len(draft.records)
    if "year" not in names:
        declared = options_of(draft.file).year
        year = declared or draft.file.received.year
        if "population" in names and declared is None:
            draft.note(
                Level.INFO,
                "year-of-population",
                f"no column tells the population's year; it was taken as of {year}",
                "declare `options: {year: ...}` of the input",
            )
        return np.full(n, year, dtype=np.int64)
    column = names["year"][0]
    text = draft.records.columns[column]
    good = np.array(
        [t is not None and bool(re.fullmatch(r"(?:19|20|21)[0-9]{2}(?:\.0+)?", t)) for t in text],
        dtype=bool,
    )
    draft.refuse(
        ~good, column, text, "not-a-year", "not a year of four digits", "write the year as 2018"
    )
    return np.array(
        [int(t[:4]) if g else 0 for t, g in zip(text, good, strict=True)], dtype=np.int64
    )
