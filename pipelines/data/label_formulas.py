"""Formulas of the label rules that are built in: from known past counts to thresholds.

Sources:
- endemic channel by the median of about five years before: BMC Public Health 2013, 13:607,
  figure 1;
- by geometric mean: Bortman, Rev Panam Salud Publica 1999, 5(1), there of rates; for dengue in
  Colombia: Hernandez et al. 2016, doi 10.7705/biomedica.v36i0.2934;
- mean + k standard deviations of the weeks around (EWARS's z): Bowman et al. 2016, doi
  10.1371/journal.pone.0157971, with z 1.25 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s
from pipelines.label_rule import Past
from pipelines.label_rules import (
    EndemicChannelRule,
    IncidenceRule,
    QuantileRule,
    RollingQuantileRule,
)
from pipelines.weeks import SEASON_WEEKS

PER = 100_000  # persons


def quantile(rule: QuantileRule | RollingQuantileRule, past: Past) -> pd.DataFrame:
    """Quantile q of a unit's weekly cases over the reference, linear between two counts."""
    found = past.cases.groupby("unit_id")["cases"].quantile(rule.q)
    return found.rename("threshold_cases").reset_index().assign(season_week=np.nan)


def endemic_channel(rule: EndemicChannelRule, past: Past) -> pd.DataFrame:
    """Centre of a unit's weekly cases around each week of the year, over all reference years.

    Years are no axis of their own: every count within the window counts once. The standard
    deviation is the sample's (divisor n - 1).
    """
    units = sorted(past.cases["unit_id"].unique())
    counts = _by_season(past.cases, units)
    centre = _CENTRES[rule.centre]
    half = rule.half_window_weeks
    values = np.stack([centre(window, rule.k) for window in _windows(counts, half)], axis=1)
    return pd.DataFrame(
        {
            "unit_id": np.repeat(np.array(units, dtype=object), SEASON_WEEKS),
            "season_week": np.tile(np.arange(1.0, SEASON_WEEKS + 1), len(units)),
            "threshold_cases": values.ravel(),
        }
    )


def incidence(rule: IncidenceRule, past: Past) -> pd.DataFrame:
    """per_100k * persons / 100,000 cases a week; a unit without population is refused."""
    known = past.persons > 0
    threshold = (rule.per_100k * past.persons / PER).where(known)
    reason = pd.Series(None, index=past.persons.index, dtype=object)
    reason[~known] = "no population is known, and the rule counts cases per 100,000 persons"
    return pd.DataFrame(
        {
            "unit_id": past.persons.index,
            "season_week": np.nan,
            "threshold_cases": threshold.to_numpy(np.float64),
            "refused_reason": reason.to_numpy(object),
        }
    )


def _by_season(cases: pd.DataFrame, units: list[str]) -> Float64s:
    """(U, 52, R) counts by unit and week of the year, NaN where none; R = most counts of a week."""
    unit = pd.Index(units).get_indexer(pd.Index(cases["unit_id"]))
    season = cases["season_week"].to_numpy(np.int64) - 1
    number = cases.groupby(["unit_id", "season_week"]).cumcount().to_numpy(np.int64)
    out = np.full((len(units), SEASON_WEEKS, int(number.max(initial=0)) + 1), np.nan)
    out[unit, season, number] = cases["cases"].to_numpy(np.float64)
    return out


def _windows(counts: Float64s, half_window_weeks: int) -> Iterator[Float64s]:
    """(U, n) counts around each week of the year; the year closes to a ring."""
    around = np.arange(-half_window_weeks, half_window_weeks + 1)
    for week in range(SEASON_WEEKS):
        yield counts[:, (week + around) % SEASON_WEEKS].reshape(len(counts), -1)


def _median(window: Float64s, _: float) -> Float64s:
    with np.errstate(all="ignore"):
        ordered = np.sort(window, axis=1)  # NaN last
        count = np.isfinite(window).sum(axis=1)
        row, last = np.arange(len(window)), np.maximum(count - 1, 0)
        middle = (ordered[row, last // 2] + ordered[row, (last + 1) // 2]) / 2
    return np.where(count > 0, middle, np.nan)


def _geometric_mean(window: Float64s, _: float) -> Float64s:
    """exp(mean(log(cases + 1))) - 1: weeks without a case are common, and their logarithm
    is none."""
    return np.asarray(np.expm1(_mean(np.log1p(window))))


def _mean_sd(window: Float64s, k: float) -> Float64s:
    mean = _mean(window)
    count = np.isfinite(window).sum(axis=1)
    squares = np.nansum((window - mean[:, None]) ** 2, axis=1)
    deviation = np.sqrt(squares / np.maximum(count - 1, 1))
    return np.where(count > 1, mean + k * deviation, np.nan)


def _mean(window: Float64s) -> Float64s:
    count = np.isfinite(window).sum(axis=1)
    return np.where(count > 0, np.nansum(window, axis=1) / np.maximum(count, 1), np.nan)


_CENTRES: dict[str, Callable[[Float64s, float], Float64s]] = {
    "median": _median,
    "geometric_mean": _geometric_mean,
    "mean_sd": _mean_sd,
}
