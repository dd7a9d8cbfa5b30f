"""The outbreak label: the one place that defines it.

Belongs here: label rules, their thresholds and the training pool. Does not belong here: samples and
splits, and how a profile names a rule (label_config.py). A week is an outbreak week if its cases
exceed the unit's threshold. The range that a quantile rests on is part of the rule's id and never
moves with a run, so that figures stay comparable. Two years cannot carry an endemic channel: every
table and report prints `reference_years`.
"""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.data.tables import Tables, latest_cases
from pipelines.errors import ConfigError
from pipelines.label_config import LabelConfig, QuantileRule
from pipelines.weeks import Calendar

log = logging.getLogger(__name__)
Floats = npt.NDArray[np.float64]

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
    tables: Tables, labels: LabelConfig, calendar: Calendar, as_of_week_no: int | None = None
) -> pd.DataFrame:
    """THRESHOLD_COLUMNS, one row a unit, sorted by unit_id.

    In the pool = at least `labels.min_reference_cases` in the reference range and a threshold above 0.

    Raises:
        ConfigError: `as_of` lies before the reference range has ended, or the calendar lacks a week
            of the rule.
    """
    rule = labels.rule
    if as_of_week_no is not None:
        check_as_of(rule, calendar, as_of_week_no)
    cases = latest_cases(tables)
    first, last = map(calendar.week_no, rule.reference)
    by_unit = cases[cases["week_no"].between(first, last)].groupby("unit_id")["cases"]
    units = pd.Index(sorted(tables.units["unit_id"]), name="unit_id")
    table = pd.DataFrame(
        {
            "threshold_cases": by_unit.quantile(rule.q).reindex(units),
            "reference_weeks": by_unit.count().reindex(units, fill_value=0).astype(np.int32),
            "reference_cases": by_unit.sum().reindex(units, fill_value=0.0),
        }
    ).reset_index()
    table["reference_years"] = (table["reference_weeks"] / 52).round(2)
    table["refused_reason"] = _refusals(table, labels.min_reference_cases)
    table["in_pool"] = table["refused_reason"].isna()
    log.info(_summary(rule, table))
    return table[list(THRESHOLD_COLUMNS)]


def check_as_of(rule: QuantileRule, calendar: Calendar, as_of_week_no: int) -> None:
    """Raise ConfigError if the rule's reference range has not ended at `as_of`."""
    first, last = rule.reference
    if as_of_week_no < calendar.week_no(last):
        raise ConfigError(
            f"as_of {calendar.week_label(as_of_week_no)} lies before the end of the reference range "
            f"{first}..{last} of label rule {rule.rule_id}",
            fix=f"choose an as_of from {last} on; the range is fixed by the rule",
        )


def label_of(cases: Floats, threshold_cases: Floats) -> Floats:
    """1.0 where cases exceed the threshold, 0.0 where not, NaN where either is not known."""
    known = np.isfinite(cases) & np.isfinite(threshold_cases)
    return np.where(known, (cases > threshold_cases).astype(np.float64), np.nan)


def _refusals(table: pd.DataFrame, min_reference_cases: int) -> pd.Series:
    reason = pd.Series(None, index=table.index, dtype=object)
    reason[~(table["threshold_cases"] > 0)] = "threshold of the reference range is 0"
    few = table["reference_cases"] < min_reference_cases
    reason[few] = f"fewer than {min_reference_cases} cases in the reference range"
    reason[table["reference_weeks"] == 0] = "no known cases in the reference range"
    return reason


def _summary(rule: QuantileRule, table: pd.DataFrame) -> str:
    pool = table[table["in_pool"]]
    years = f"{pool['reference_years'].min():g}" if len(pool) else "0"
    return (
        f"label rule {rule.rule_id}: {len(pool)} of {len(table)} units in the pool; "
        f"each threshold rests on at least {years} years ({rule.reference[0]}..{rule.reference[1]})"
    )
