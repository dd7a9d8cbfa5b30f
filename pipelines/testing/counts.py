"""Made counts for the check of label rules: rich, poor, and the same with another future."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int64s
from pipelines.data.drop_info import LAST_DAY
from pipelines.data.tables import Tables
from pipelines.label_rule import LabelRule, Past
from pipelines.weeks import SEASON_WEEKS, Calendar

_RECEIVED: date = LAST_DAY
_ORIGIN = 1300  # ordinal of a week in the year of origins that moving rules are asked about
_YEARS = 8  # of history that a moving rule finds
_LONGEST = 40 * SEASON_WEEKS  # of a fixed reference
_SIZES = {"a": 3.0, "b": 9.0, "c": 30.0}  # cases a week on average
_PERSONS = {"a": 20_000.0, "b": 50_000.0, "c": 400_000.0}


@dataclass(frozen=True)
class Span:
    """What a rule is asked about.

    Attributes:
        year: of the origins; None for a fixed rule.
        weeks: ordinals of all weeks with counts.
        cutoff: first week that the year's first origin does not know.
    """

    year: int | None
    weeks: range
    cutoff: int


def span_of(rule: LabelRule, calendar: Calendar) -> Span:
    """Years around the reference of a fixed rule; eight years before the origins of any other."""
    if rule.fixed:
        parts = rule.reference_weeks(calendar, None)
        end = max(p.stop for p in parts)
        first = max(min(p.start for p in parts), end - _LONGEST)
        return Span(None, range(first, end + SEASON_WEEKS), end)
    year = calendar.epi_year(_ORIGIN)
    weeks = range(calendar.number(year - _YEARS, 1), calendar.number(year + 2, 1))
    return Span(year, weeks, calendar.number(year, 1))


@dataclass(frozen=True)
class World:
    """Weekly counts of some units.

    Attributes:
        cases: unit_id, week_no, cases; NaN where not known.
        persons: unit_id -> persons in the last years before the origins.
        year, cutoff: as of the Span.
    """

    cases: pd.DataFrame
    persons: pd.Series
    year: int | None
    cutoff: int
    census: int

    def tables(self) -> Tables:
        """The world as a run's clean tables."""
        units = pd.DataFrame({"unit_id": self.persons.index, "name": self.persons.index})
        units[f"population_{self.census}"] = self.persons.to_numpy(np.float64)
        return replace(
            Tables.empty(), cases=self.cases.assign(received_date=_RECEIVED), units=units
        )

    def with_other_future(self) -> World:
        """The same world up to the cutoff; every later count is another."""
        later = (self.cases["week_no"] >= self.cutoff).to_numpy()
        other = np.random.default_rng(1).integers(0, 3000, len(later)).astype(np.float64)
        changed = np.where(later, other, self.cases["cases"].to_numpy(np.float64))
        return replace(self, cases=self.cases.assign(cases=changed))

    def only(self, keep: Bools, units: list[str] | None = None) -> World:
        """The chosen rows, and all units or some."""
        chosen = self.persons if units is None else self.persons[units]
        return replace(self, cases=self.cases[keep].reset_index(drop=True), persons=chosen)


def rich_world(rule: LabelRule, calendar: Calendar) -> World:
    """Three units with a season and noise, every week known."""
    span, random = span_of(rule, calendar), np.random.default_rng(0)
    weeks = np.array(span.weeks)
    level = 1.2 + np.sin(2 * np.pi * weeks / SEASON_WEEKS)
    parts = [
        pd.DataFrame({"unit_id": unit, "week_no": weeks, "cases": random.poisson(size * level)})
        for unit, size in _SIZES.items()
    ]
    cases = pd.concat(parts, ignore_index=True).astype({"cases": np.float64})
    census = calendar.epi_year(span.cutoff) - 1
    return World(cases, pd.Series(_PERSONS, dtype=np.float64), span.year, span.cutoff, census)


def poor_worlds(rich: World, rule: LabelRule, calendar: Calendar) -> dict[str, World]:
    """What is wrong with a world -> that world."""
    week, unit = rich.cases["week_no"].to_numpy(), rich.cases["unit_id"].to_numpy()
    known = week < rich.cutoff
    inside = _inside(week, rule.reference_weeks(calendar, rich.year)) & known
    middle = int(np.median(week[inside]))
    gap, odd = np.abs(week - middle) < SEASON_WEEKS, week % 3 == 0
    last = int(week[inside].max())
    return {
        "weeks without a single case": replace(rich, cases=rich.cases.assign(cases=0.0)),
        "two years missing in the middle": rich.only(~gap),
        "every third count unknown": replace(
            rich, cases=rich.cases.assign(cases=rich.cases["cases"].where(~odd))
        ),
        "one unit": rich.only(unit == "b", ["b"]),
        "a unit without any count": rich.only(unit != "b"),
        "no persons known": replace(rich, persons=rich.persons * np.nan),
        "ten weeks of history": rich.only(week > last - 10),
        "one known week": rich.only(week >= last),
        "no history at all": rich.only(week >= rich.cutoff),
    }


def past_of(world: World, rule: LabelRule, calendar: Calendar) -> Past:
    """What the caller of a rule hands to it; its counts may be none here."""
    week = world.cases["week_no"].to_numpy()
    inside = _inside(week, rule.reference_weeks(calendar, world.year)) & (week < world.cutoff)
    cases = world.cases[inside & world.cases["cases"].notna().to_numpy()].reset_index(drop=True)
    weeks = cases["week_no"].unique()
    cases["year"] = cases["week_no"].map({int(w): calendar.epi_year(w) for w in weeks})
    cases["season_week"] = cases["week_no"].map({int(w): calendar.season_week(w) for w in weeks})
    return Past(cases, world.persons.rename_axis("unit_id"), world.year)


def _inside(week: Int64s, parts: tuple[range, ...]) -> Bools:
    found = [(week >= part.start) & (week < part.stop) for part in parts]
    return np.any(found, axis=0) if found else np.zeros(len(week), dtype=bool)
