"""The outbreak label: the one place that defines it.

A week is an outbreak week if its cases exceed the unit's threshold.

What a threshold may know. A fixed rule rests on a range that is part of its id and never moves with
a run, so that figures stay comparable; it is hindsight for origins before the range's end. Any
other rule has thresholds of its own for each year of origins, R, and nothing later than the last
week of year R-1, less the reporting delay, is handed to it: at the first origin of R (its week 1)
later weeks are not known, and weeks that are nowcast are not known well enough. All origins of R
share these thresholds. `maturity: drop` asks for nothing more: the dropped weeks lie behind the
origin, which is the newest kept week. The population of the newest census up to R-1 counts, and for
years before the first census that first one: persons are no cases.
"""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Float64s
from pipelines.data.covariates import population
from pipelines.data.tables import Tables, latest_cases
from pipelines.errors import ConfigError
from pipelines.label_config import LabelConfig
from pipelines.label_rule import LabelRule, Past
from pipelines.weeks import LAST_YEAR, SEASON_WEEKS, Calendar

log = logging.getLogger(__name__)

THRESHOLD_COLUMNS = (
    "unit_id",
    "origin_year",  # year of the origins that it holds for, null = every origin
    "season_week",  # 1..52, place of the target week in its year, null = every week
    "threshold_cases",  # weekly cases, NaN if none is known
    "reference_weeks",  # weeks with known cases that the unit's thresholds rest on
    "reference_years",  # those weeks / 52
    "reference_cases",  # total of these weeks
    "in_pool",  # the unit has a threshold that can be used, of whatever year and season
    "refused_reason",  # why this threshold cannot be used; null if it can
)
_KEYS = ["unit_id", "origin_year", "season_week"]
_LEAST_KNOWN_WEEKS = SEASON_WEEKS // 2  # of a unit's year, for the year to count
_WHEN = {True: "in the reference range", False: "in the years before"}


def compute_thresholds(
    tables: Tables,
    labels: LabelConfig,
    calendar: Calendar,
    as_of_week_no: int | None = None,
    *,
    first_origin_no: int | None = None,
    delay_weeks: int = 0,
) -> pd.DataFrame:
    """THRESHOLD_COLUMNS, in order of unit, origin year and season week.

    A fixed rule without seasons has one row a unit. Where a whole unit is refused for a year, one
    row says so for all seasons. A threshold can be used if the reference holds at least
    `labels.min_reference_cases` and the years that the rule needs, and it is above 0, be it by the
    rule's floor.

    Args:
        as_of_week_no, first_origin_no: newest and first origin; None = those of the counts.
        delay_weeks: reporting delay of cases.

    Raises:
        ConfigError: `as_of` lies before a fixed reference has ended, or the calendar lacks a week
            of the rule.
    """
    rule, known = labels.rule, _known_cases(tables, calendar)
    if rule.fixed and as_of_week_no is not None:
        check_as_of(rule, calendar, as_of_week_no)
    years: list[int | None] = [None]
    if not rule.fixed:
        years = list(_origin_years(known, calendar, first_origin_no, as_of_week_no))
    parts = [_of_year(known, tables.units, labels, calendar, year, delay_weeks) for year in years]
    table = pd.concat(parts, ignore_index=True) if parts else _nothing()
    table["refused_reason"] = table["refused_reason"].replace("", None)
    usable = table["refused_reason"].isna()
    table["in_pool"] = usable.groupby(table["unit_id"]).transform("any").astype(bool)
    table = table.sort_values(_KEYS, kind="stable", ignore_index=True, na_position="first")
    log.info(_summary(rule, table, calendar))
    return table[list(THRESHOLD_COLUMNS)]


def check_as_of(rule: LabelRule, calendar: Calendar, as_of_week_no: int) -> None:
    """Raise ConfigError if a fixed rule's reference has not ended at `as_of`."""
    if not rule.fixed:
        return
    first, last = _ends(rule, calendar)
    if as_of_week_no < last:
        named = calendar.week_label(last)
        raise ConfigError(
            f"as_of {calendar.week_label(as_of_week_no)} lies before the end of the reference "
            "range "
            f"{calendar.week_label(first)}..{named} of label rule {rule.rule_id}",
            fix=f"choose an as_of from {named} on; the range is fixed by the rule",
        )


def label_of(cases: Float64s, threshold_cases: Float64s) -> Float64s:
    """1.0 where cases exceed the threshold, 0.0 where not, NaN where either is not known."""
    known = np.isfinite(cases) & np.isfinite(threshold_cases)
    return np.where(known, (cases > threshold_cases).astype(np.float64), np.nan)


def outbreak_rates(rows: pd.DataFrame, calendar: Calendar) -> dict[int, float]:
    """Year of the target week -> share of outbreak weeks among its labelled rows, oldest first.

    Args:
        rows: target_week_no and label (1, 0, NaN = unknown); every horizon counts alike.
    """
    known = rows.loc[rows["label"].notna(), ["target_week_no", "label"]]
    weeks = {int(w): calendar.epi_year(w) for w in known["target_week_no"].unique()}
    rates = known["label"].groupby(known["target_week_no"].map(weeks)).mean()
    by_year = rates.sort_index()
    return {int(y): round(float(r), 4) for y, r in zip(by_year.index, by_year, strict=True)}


def _known_cases(tables: Tables, calendar: Calendar) -> pd.DataFrame:
    """unit_id, week_no, cases, year, season_week of every known count, newest vintage."""
    known = latest_cases(tables).dropna(subset=["cases"])[["unit_id", "week_no", "cases"]]
    weeks = known["week_no"].unique()
    year = {int(week): calendar.epi_year(week) for week in weeks}
    season = {int(week): calendar.season_week(week) for week in weeks}
    return known.assign(year=known["week_no"].map(year), season_week=known["week_no"].map(season))


def _origin_years(
    known: pd.DataFrame, calendar: Calendar, first: int | None, last: int | None
) -> range:
    if known.empty:
        return range(0)
    first = int(known["week_no"].min()) if first is None else first
    last = int(known["week_no"].max()) if last is None else last
    return range(calendar.epi_year(first), calendar.epi_year(last) + 1)


def _of_year(
    known: pd.DataFrame,
    units: pd.DataFrame,
    labels: LabelConfig,
    calendar: Calendar,
    year: int | None,
    delay_weeks: int,
) -> pd.DataFrame:
    """Thresholds of one year of origins, refused ones with their reason, the others with ""."""
    rule = labels.rule
    inside = _within(known["week_no"], rule.reference_weeks(calendar, year))
    if year is not None:  # whatever the rule asks for
        inside &= known["week_no"].to_numpy(np.int64) < calendar.number(year, 1) - delay_weeks
    cases = known[inside]
    if rule.needed_years:
        counts = cases.groupby(["unit_id", "year"])["cases"].transform("count")
        cases = cases[counts >= _LEAST_KNOWN_WEEKS]
    facts = _facts(cases, sorted(units["unit_id"]), labels)
    found = pd.DataFrame(columns=["unit_id", "season_week", "threshold_cases"])
    if len(cases):
        found = rule.thresholds(Past(cases, _persons(units, facts.index, year), year))
    refused = set(facts.index[facts["refused_reason"] != ""])
    found = found[found["season_week"].isna() | ~found["unit_id"].isin(refused)]
    refusals = found.rename(columns={"refused_reason": "own_reason"})
    table = facts.reset_index().merge(refusals, on="unit_id", how="left", validate="one_to_many")
    numbers = {"season_week": np.float64, "threshold_cases": np.float64}
    table = table.assign(origin_year=np.nan if year is None else float(year)).astype(numbers)
    if rule.floor_cases is not None:
        table["threshold_cases"] = table["threshold_cases"].clip(lower=rule.floor_cases)
    table["refused_reason"] = _refusals(table)
    return table.drop(columns="own_reason", errors="ignore")


def _within(week_no: pd.Series, ranges: tuple[range, ...]) -> Bools:
    weeks = week_no.to_numpy(np.int64)
    inside = np.zeros(len(weeks), dtype=bool)
    for part in ranges:
        inside |= (weeks >= part.start) & (weeks < part.stop)
    return inside


def _facts(cases: pd.DataFrame, unit_ids: list[str], labels: LabelConfig) -> pd.DataFrame:
    """By unit_id, what its thresholds rest on, and why the whole unit is refused if it is."""
    units = pd.Index(unit_ids, name="unit_id")
    own = cases.groupby("unit_id")
    table = pd.DataFrame(
        {
            "reference_weeks": own["cases"].count().reindex(units, fill_value=0).astype(np.int32),
            "reference_cases": own["cases"].sum().reindex(units, fill_value=0.0),
        }
    )
    table["reference_years"] = (table["reference_weeks"] / SEASON_WEEKS).round(2)
    years = own["year"].nunique().reindex(units, fill_value=0)
    rule, least = labels.rule, labels.min_reference_cases
    reason = np.full(len(units), "", dtype=object)  # an array: a Series takes ten times as long
    few, short = table["reference_cases"] < least, years < rule.needed_years
    reason[few.to_numpy()] = f"fewer than {least} cases {_WHEN[rule.fixed]}"
    reason[short.to_numpy()] = (
        f"fewer than {rule.needed_years} years with counts of half their weeks {_WHEN[rule.fixed]}"
    )
    reason[table["reference_weeks"].to_numpy() == 0] = f"no known cases {_WHEN[rule.fixed]}"
    return table.assign(refused_reason=reason)


def _refusals(table: pd.DataFrame) -> pd.Series:
    """The rule's own reason, else the unit's, else that the threshold is 0 or unknown; ""
    if none."""
    seasonal = table["season_week"].notna().to_numpy()
    limit, of_unit = table["threshold_cases"].to_numpy(), table["refused_reason"].to_numpy()
    reason = np.full(len(table), "threshold of the reference range is 0", dtype=object)
    reason[seasonal] = "threshold of this season is 0"
    reason[np.isnan(limit)] = "the rule gives no threshold"
    reason[limit > 0] = ""
    reason = np.where(of_unit == "", reason, of_unit)
    if "own_reason" in table:
        reason = np.where(table["own_reason"].isna(), reason, table["own_reason"])
    return pd.Series(reason, index=table.index, dtype=object)


def _persons(units: pd.DataFrame, unit_ids: pd.Index, year: int | None) -> pd.Series:
    """Persons by the newest census up to the year before, else by the first there is."""
    ids, until = tuple(unit_ids), LAST_YEAR if year is None else year - 1
    found = population(units, ids, np.array([until]))[:, 0]
    for later in _census_years(units, until):
        found = np.where(np.isfinite(found), found, population(units, ids, np.array([later]))[:, 0])
    return pd.Series(found, index=unit_ids)


def _census_years(units: pd.DataFrame, after: int) -> list[int]:
    """Years of population_<year> columns later than `after`, oldest first."""
    years = [
        str(c).removeprefix("population_")
        for c in units.columns
        if str(c).startswith("population_")
    ]
    return sorted(int(y) for y in years if y.isdigit() and int(y) > after)


def _ends(rule: LabelRule, calendar: Calendar) -> tuple[int, int]:
    """Ordinals of the first and last week of a fixed rule's reference."""
    parts = rule.reference_weeks(calendar, None)
    return min(p.start for p in parts), max(p.stop for p in parts) - 1


def _nothing() -> pd.DataFrame:
    return pd.DataFrame(columns=list(THRESHOLD_COLUMNS))


def _summary(rule: LabelRule, table: pd.DataFrame, calendar: Calendar) -> str:
    usable = table[table["refused_reason"].isna()]
    pool = usable["unit_id"].nunique()
    text = f"label rule {rule.rule_id}: {pool} of {table['unit_id'].nunique()} units in the pool"
    if usable.empty:
        return text
    least = f"{usable['reference_years'].min():g}"
    if rule.fixed:
        first, last = map(calendar.week_label, _ends(rule, calendar))
        return f"{text}; each threshold rests on at least {least} years ({first}..{last})"
    spans = usable.groupby("origin_year")["reference_years"].agg(least="min", most="max")
    years = ", ".join(f"{int(s.Index)}: {s.least:g}-{s.most:g}" for s in spans.itertuples())
    return f"{text}; years that the thresholds of each year's origins rest on: {years}"
