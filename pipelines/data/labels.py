"""The outbreak label: the one place that defines it.

Belongs here: label rules, their thresholds and the training pool. Does not belong here: samples and
splits. Rule `median_2016_2017` (SatelliteBench, Restrepo et al. 2024, section 5 of their set-up,
with the reference range fixed): a week is an outbreak week if its cases exceed the municipality's
own median of weekly cases over 2016-w01..2017-w52. The range is part of the rule's id and never
moves with a run, so that figures stay comparable. Two years cannot carry an endemic channel: every
table and report prints `reference_years`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.data.tables import Tables, latest_cases
from pipelines.errors import ConfigError
from pipelines.weeks import week_label, week_no

log = logging.getLogger(__name__)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LabelRule:
    """A label rule whose threshold is the median over a fixed range of weeks, ends included."""

    rule_id: str
    first_week: str
    last_week: str


RULES = {"median_2016_2017": LabelRule("median_2016_2017", "2016-w01", "2017-w52")}
THRESHOLD_COLUMNS = (
    "unit_id",
    "threshold_cases",  # median weekly cases of the reference range, NaN if none is known
    "reference_weeks",  # weeks with known cases
    "reference_years",  # those weeks / 52
    "reference_cases",  # total of the reference range
    "in_pool",
    "refused_reason",  # null if in the pool
)


def compute_thresholds(
    tables: Tables, rule_id: str, min_reference_cases: int, as_of_week_no: int | None = None
) -> pd.DataFrame:
    """THRESHOLD_COLUMNS, one row a municipality, sorted by unit_id.

    In the pool = at least `min_reference_cases` in the reference range and a median above 0.

    Raises:
        ConfigError: no such rule, or `as_of` lies before the reference range has ended.
    """
    rule = rule_of(rule_id)
    if as_of_week_no is not None:
        check_as_of(rule, as_of_week_no)
    cases = latest_cases(tables)
    inside = cases["week_no"].between(week_no(rule.first_week), week_no(rule.last_week))
    by_unit = cases[inside].groupby("unit_id")["cases"]
    units = pd.Index(sorted(tables.units["unit_id"]), name="unit_id")
    table = pd.DataFrame(
        {
            "threshold_cases": by_unit.median().reindex(units),
            "reference_weeks": by_unit.count().reindex(units, fill_value=0).astype(np.int32),
            "reference_cases": by_unit.sum().reindex(units, fill_value=0.0),
        }
    ).reset_index()
    table["reference_years"] = (table["reference_weeks"] / 52).round(2)
    table["refused_reason"] = _refusals(table, min_reference_cases)
    table["in_pool"] = table["refused_reason"].isna()
    log.info(_summary(rule, table))
    return table[list(THRESHOLD_COLUMNS)]


def rule_of(rule_id: str) -> LabelRule:
    """The rule with this id. Raises ConfigError if there is none."""
    if rule_id not in RULES:
        raise ConfigError(f"no label rule {rule_id!r}", fix=f"use one of {sorted(RULES)}")
    return RULES[rule_id]


def check_as_of(rule: LabelRule, as_of_week_no: int) -> None:
    """Raise ConfigError if the rule's reference range has not ended at `as_of`."""
    if as_of_week_no < week_no(rule.last_week):
        raise ConfigError(
            f"as_of {week_label(as_of_week_no)} lies before the end of the reference range "
            f"{rule.first_week}..{rule.last_week} of label rule {rule.rule_id}",
            fix=f"choose an as_of from {rule.last_week} on; the range is fixed by the rule",
        )


def label_of(cases: Floats, threshold_cases: Floats) -> Floats:
    """1.0 where cases exceed the threshold, 0.0 where not, NaN where either is not known."""
    known = np.isfinite(cases) & np.isfinite(threshold_cases)
    return np.where(known, (cases > threshold_cases).astype(np.float64), np.nan)


def _refusals(table: pd.DataFrame, min_reference_cases: int) -> pd.Series:
    reason = pd.Series(None, index=table.index, dtype=object)
    reason[~(table["threshold_cases"] > 0)] = "median of the reference range is 0"
    few = table["reference_cases"] < min_reference_cases
    reason[few] = f"fewer than {min_reference_cases} cases in the reference range"
    reason[table["reference_weeks"] == 0] = "no known cases in the reference range"
    return reason


def _summary(rule: LabelRule, table: pd.DataFrame) -> str:
    pool = table[table["in_pool"]]
    years = f"{pool['reference_years'].min():g}" if len(pool) else "0"
    return (
        f"label rule {rule.rule_id}: {len(pool)} of {len(table)} municipalities in the pool; "
        f"each threshold rests on at least {years} years ({rule.first_week}..{rule.last_week})"
    )
