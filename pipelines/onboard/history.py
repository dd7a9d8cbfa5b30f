"""What the tables of the files hold: history, newest weeks, climate, units, codes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.data.adapters import Reading
from pipelines.data.newest import OLD_CLIMATE_DAYS
from pipelines.data.odd_units import no_places
from pipelines.data.tables import Tables, latest_cases, newest_week_no
from pipelines.weeks import SEASON_WEEKS, Calendar

_LOOKED_AT = 8  # newest weeks that may still be filling
_MOST_LATE = (
    4  # weeks; what is thin for longer is a change of level, unless the place says otherwise
)
_THIN = 0.5  # of what the weeks before let expect
_LEAST_EXPECTED = 30.0  # cases a week; below, chance alone makes a week thin
_WHOLE = 0.8  # of a week's cases reported, for it to count as whole


@dataclass(frozen=True)
class History:
    """Weekly counts of a place.

    Attributes:
        first, newest: week ordinals; newest is the newest that half of the units report.
        whole_years: calendar years with counts from their first to their last week.
        known_share: share of unit-weeks of the span that have a count.
    """

    units: int
    cases: float
    first: int
    newest: int
    whole_years: tuple[int, ...]
    known_share: float

    def as_text(self, calendar: Calendar) -> str:
        """One sentence."""
        weeks, years = self.newest - self.first + 1, len(self.whole_years)
        span = f"{self.whole_years[0]}..{self.whole_years[-1]}" if years else "none"
        known = (
            "" if self.known_share > 0.995 else f", {self.known_share:.0%} of the unit-weeks known"
        )
        return (
            f"{self.units} units, {self.cases:,.0f} cases, {weeks} weeks "
            f"{calendar.week_label(self.first)}..{calendar.week_label(self.newest)}{known}; "
            f"{years} complete years ({span})"
        )


def history_of(tables: Tables, calendar: Calendar) -> History | None:
    """History of the counts, None without any."""
    known = latest_cases(tables).dropna(subset=["cases"])
    newest = newest_week_no(tables)
    if known.empty or newest is None:
        return None
    first, units = int(known["week_no"].min()), int(known["unit_id"].nunique())
    whole = [
        y
        for y in range(calendar.epi_year(first), calendar.epi_year(newest) + 1)
        if calendar.number(y, 1) >= first and calendar.number(y + 1, 1) - 1 <= newest
    ]
    inside = int((known["week_no"] <= newest).sum())
    share = inside / (units * (newest - first + 1))
    return History(units, float(known["cases"].sum()), first, newest, tuple(whole), share)


@dataclass(frozen=True)
class Filling:
    """Newest weeks that are still filling.

    Attributes:
        weeks: how many should be taken as unknown; 0 = none.
        why: in words.
    """

    weeks: int
    why: str


def filling_of(tables: Tables, readings: Sequence[Reading], calendar: Calendar) -> Filling:
    """From a line list's own delays, else from the same weeks a year before."""
    delays = [r.delays for r in readings if r.delays is not None and len(r.delays)]
    if delays:
        return _by_delay(pd.concat(delays))
    newest = newest_week_no(tables)
    known = latest_cases(tables).dropna(subset=["cases"])
    if newest is None or len(known) == 0:
        return Filling(0, "no counts")
    total = known.groupby("week_no")["cases"].sum()
    units = known.groupby("week_no")["unit_id"].nunique()
    return _against_last_year(total, units, newest, calendar)


def _by_delay(delays: pd.DataFrame) -> Filling:
    old = delays[delays["week_no"] <= delays["week_no"].max() - 26]
    by_delay = old.groupby("delay_weeks")["cases"].sum().sort_index()
    if by_delay.empty or not by_delay.sum():
        return Filling(0, "too few dates of report")
    share = (by_delay.cumsum() / by_delay.sum()).reindex(range(_LOOKED_AT + 1)).ffill().fillna(0.0)
    weeks = int((share < _WHOLE).sum())
    shown = ", ".join(f"{share[k]:.0%} by week {k}" for k in range(min(4, len(share))))
    return Filling(weeks, f"of the cases of a week, counted from its own: {shown} are reported")


def _against_last_year(
    total: pd.Series, units: pd.Series, newest: int, calendar: Calendar
) -> Filling:
    def of(series: pd.Series, weeks: Sequence[int]) -> float:
        return float(series.reindex(list(weeks)).fillna(0).sum())

    before = range(newest - 2 * _LOOKED_AT + 1, newest - _LOOKED_AT + 1)
    a_year_before = [w - SEASON_WEEKS for w in before]
    if not of(total, a_year_before):
        return Filling(0, "no counts of a year before to compare with")
    growth = of(total, before) / of(total, a_year_before)
    reported = of(units, before) / len(before)
    thin, shown = 0, []
    for age in range(_LOOKED_AT):
        week = newest - age
        expected = growth * of(total, [week - SEASON_WEEKS])
        few = expected >= _LEAST_EXPECTED and of(total, [week]) < _THIN * expected
        silent = of(units, [week]) < _WHOLE * reported
        if not (few or silent):
            break
        thin = age + 1
        shown.append(
            f"{calendar.week_label(week)} has {of(total, [week]):.0f} cases of "
            f"{of(units, [week]):.0f} units, {expected:.0f} were to be expected"
        )
    if thin > _MOST_LATE:
        return Filling(
            0,
            f"all of the newest {thin} weeks have fewer cases or units than the year before lets "
            "expect, which is longer than reports are late as a rule: cases fell, or reports are "
            f"very late; if they are late, say --maturity with how many weeks ({shown[0]})",
        )
    why = "; ".join(shown) or f"the newest weeks are as full as a year before (times {growth:.2f})"
    return Filling(thin, why)


def climate_facts(tables: Tables, newest: int, calendar: Calendar) -> list[str]:
    """Units and last month of climate; what ended long ago is named."""
    climate = tables.climate.dropna(subset=["temp_mean_c", "rainfall_mm"], how="all")
    if climate.empty:
        return []
    month = (climate["year"].astype(int) * 12 + climate["month"].astype(int) - 1).to_numpy()
    last = int(month.max())
    label = f"{last // 12}-{last % 12 + 1:02d}"
    out = [
        f"climate of {climate['unit_id'].nunique()} units, "
        f"{month.min() // 12}-{month.min() % 12 + 1:02d}..{label}"
    ]
    ended = np.datetime64(f"{(last + 1) // 12}-{(last + 1) % 12 + 1:02d}-01")
    days = int((np.datetime64(calendar.week_end(newest)) - ended).astype(int))
    if days > OLD_CLIMATE_DAYS:
        out.append(
            f"WARNING: the climate ended with {label}, {days // 30} months before the newest "
            "week: newer weeks have none; deliver newer months, or leave the file out"
        )
    return out


def unit_facts(names: Sequence[str], readings: Sequence[Reading]) -> list[str]:
    """Units that stand in one file only, and codes of two lengths."""
    files = {
        n: {str(u) for u in r.units["unit_id"].dropna()}
        for n, r in zip(names, readings, strict=True)
    }
    out = []
    for name, units in files.items():
        others = set().union(*(u for n, u in files.items() if n != name))
        if len(files) > 1 and (alone := sorted(units - others)):
            out.append(
                f"WARNING: {len(alone)} units stand in {name} only: "
                f"{', '.join(alone[:5])}{', ...' if len(alone) > 5 else ''}"
            )
    every: set[str] = set().union(*files.values())
    if odd := no_places(every):
        column = next(
            (
                str(c)
                for r in readings
                for u, c in zip(r.units["unit_id"], r.units["column"], strict=True)
                if u == odd[0]
            ),
            "COLUMN",
        )
        out.append(
            f"WARNING: {', '.join(map(repr, odd[:5]))} looks like a sum or an unknown place, and "
            "would be a unit; leave it out with "
            f"{shlex.join(['--leave-out', f'{column}={odd[0]}'])}"
        )
    digits = {u for u in every if u.isdigit()}
    if lengths := sorted({len(u) for u in digits}):
        both = sorted(u for u in digits if len(u) >= 5 and u[:-1] in digits)
        if both:
            out.append(
                "WARNING: codes with and without a last digit seem to be the same units "
                f"({both[0][:-1]} and {both[0]}, and {len(both) - 1} more): write all one way "
                "before the first run"
            )
        elif len(lengths) > 1 and lengths[0] > 3:
            out.append(
                f"WARNING: codes have {' and '.join(map(str, lengths))} digits: zeros in front "
                "may be lost; place.codes.pad_to of the profile puts them back"
            )
    return out


def code_pattern(readings: Sequence[Reading]) -> str | None:
    """The shape that all codes share, None if they do not, or if they are names."""
    codes = {str(u) for r in readings for u in r.units["unit_id"].dropna()}
    shapes = {re.sub(r"[A-Z]", "A", re.sub(r"[0-9]", "0", code)) for code in codes}
    if len(codes) < 2 or len(shapes) != 1 or not re.search(r"0", shape := next(iter(shapes))):
        return None
    if not re.fullmatch(r"[A0_./-]+", shape):
        return None
    parts = [(m[0], len(m)) for m in re.findall(r"A+|0+|[^A0]", shape)]
    written = {"A": "[A-Z]", "0": "[0-9]"}
    return "".join(
        f"{written[c]}{{{n}}}"
        if c in written and n > 1
        else written.get(c, re.escape(c) if c == "." else c)
        for c, n in parts
    )
