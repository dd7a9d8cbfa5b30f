"""What only the whole of the data shows: calendar gaps, cover, revisions, drift.

Belongs here: measures as frames that rules of expectations.py judge. Does not belong here: the
judgement.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.data.expectations import MAX_CHANGED_SHARE, MAX_PSI
from pipelines.data.months import month_label
from pipelines.data.tables import Tables, latest_cases
from pipelines.weeks import Calendar

_NEWEST_WEEKS = 8  # whose reports may still be coming in
_YEAR_WEEKS = 52
# Weekly cases of a municipality: most are 0, few above 50.
_PSI_EDGES = (-np.inf, 0.5, 1.5, 4.5, 9.5, 19.5, 49.5, np.inf)

_CHI_SQUARED_95 = 14.067  # of 7 degrees of freedom, for 8 classes


def week_cover(tables: Tables, calendar: Calendar) -> pd.DataFrame:
    """Every week from the first to the newest: period, n_reporting, reporting_share, is_week_53.

    reporting_share is 1 where a week is old, or missing altogether, which n_reporting says.
    """
    known = tables.cases.dropna(subset=["cases"]).drop_duplicates(["unit_id", "week_no"])
    if known.empty:
        return pd.DataFrame()
    first, newest = int(known["week_no"].min()), int(known["week_no"].max())
    weeks = np.arange(first, newest + 1)
    n = np.bincount(known["week_no"].to_numpy(dtype=np.int64) - first, minlength=len(weeks))
    share = n / max(len(tables.units), 1)
    share[(weeks <= newest - _NEWEST_WEEKS) | (n == 0)] = 1.0
    labels = [calendar.week_label(w) for w in weeks]
    return pd.DataFrame({"when": weeks, "period": labels, "n_reporting": n, "reporting_share": share, "is_week_53": [p.endswith("w53") for p in labels]})  # fmt: skip


def month_cover(tables: Tables) -> pd.DataFrame:
    """Every month from the first to the newest climate month: period, n_reporting."""
    known = tables.climate.dropna(subset=["temp_mean_c", "rainfall_mm"], how="all")
    if known.empty:
        return pd.DataFrame()
    when = known["year"].to_numpy(dtype=np.int64) * 12 + known["month"].to_numpy(dtype=np.int64) - 1
    months = np.arange(when.min(), when.max() + 1)
    n = np.bincount(when - when.min(), minlength=len(months))
    return pd.DataFrame({"when": months, "period": [month_label(m) for m in months], "n_reporting": n, "reporting_share": 1.0})  # fmt: skip


def runs(rows: pd.DataFrame) -> pd.DataFrame:
    """Neighbouring weeks or months joined to one row each: period "2018-w10..2018-w12", n_rows."""
    when = rows["when"].to_numpy(dtype=np.int64)
    group = np.cumsum(np.diff(when, prepend=when[:1] - 2) != 1)
    joined = rows.groupby(group)["period"].agg(["first", "last", "size"])
    period = [a if a == b else f"{a}..{b}" for a, b in zip(joined["first"], joined["last"], strict=True)]  # fmt: skip
    return pd.DataFrame({"period": period, "n_rows": joined["size"].to_numpy()})


def climate_cover(tables: Tables) -> pd.DataFrame:
    """Months with climate a municipality, 0 where it has no row: unit_id, n_months, period."""
    climate = tables.climate
    if climate.empty:
        return pd.DataFrame()
    has = climate[["temp_mean_c", "rainfall_mm"]].notna().any(axis=1)
    units = sorted(set(tables.units["unit_id"]) | set(climate["unit_id"]))
    n = has.groupby(climate["unit_id"]).sum().reindex(units, fill_value=0)
    when = climate["year"] * 12 + climate["month"] - 1
    span = f"{month_label(int(when.min()))}..{month_label(int(when.max()))}"
    return pd.DataFrame({"unit_id": n.index, "n_months": n.to_numpy(), "period": span})


def revisions(tables: Tables) -> pd.DataFrame:
    """Counts that a later drop changed: unit_id, week_no, cases_before, cases, received_date.

    `cases` is NaN where a full drop withdrew the count.
    """
    cases = tables.cases.sort_values(["unit_id", "week_no", "received_date"], kind="stable")
    before = cases.groupby(["unit_id", "week_no"], sort=False)["cases"].shift()
    changed = cases.assign(cases_before=before)[before.notna()]
    columns = ["unit_id", "week_no", "cases_before", "cases", "received_date"]
    return changed[columns].reset_index(drop=True)


def drift(tables: Tables, previous: Tables, calendar: Calendar) -> pd.DataFrame:
    """Measures against the accepted version before: problem, measure, limit, detail, fix, period."""
    now, then = _counts(tables), _counts(previous)
    both = now.index.intersection(then.index)
    changed = now.loc[both] != then.loc[both]
    share = float(changed.mean()) if len(both) else 0.0
    rows = [
        ("past-counts-changed", share, MAX_CHANGED_SHARE, f"{int(changed.sum())} of {len(both)} counts differ from the accepted version ({share:.2%})", "ask the provider whether the past was revised on purpose", "", int(changed.sum())),
        *_cases_shift(now, then, calendar),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["problem", "measure", "limit", "detail", "fix", "period", "n_rows"])  # fmt: skip


def _cases_shift(
    now: pd.Series, then: pd.Series, calendar: Calendar
) -> list[tuple[str, float, float, str, str, str, int]]:
    """New weeks against the 52 weeks before them, over all municipalities."""
    if then.empty:
        return []
    newest = int(then.index.get_level_values("week_no").max())
    weeks = now.index.get_level_values("week_no").to_numpy()
    new, old = now[weeks > newest], then[then.index.get_level_values("week_no") > newest - _YEAR_WEEKS]  # fmt: skip
    if new.empty:
        return []
    value = psi(old.to_numpy(), new.to_numpy())
    period = f"{calendar.week_label(newest + 1)}..{calendar.week_label(weeks.max())}"
    return [("cases-shifted", value, _psi_limit(len(old), len(new)), f"weekly cases are distributed otherwise than in the {_YEAR_WEEKS} weeks before (PSI {value:.2f})", "look for an outbreak, a changed case definition or a wrong column before relying on it", period, len(new))]  # fmt: skip


def _psi_limit(n_old: int, n_new: int) -> float:
    """MAX_PSI, or what chance alone exceeds in 5 % of cases where that is more: a dozen counts differ
    by 0.6 from the very counts they were drawn from. PSI / (1/n + 1/m) is chi-squared with classes - 1
    degrees of freedom (Yurdakul and Naranjo 2020, Journal of Risk Model Validation 14(4))."""
    return max(MAX_PSI, _CHI_SQUARED_95 * (1 / n_old + 1 / n_new))


def psi(expected: npt.NDArray[np.float64], actual: npt.NDArray[np.float64]) -> float:
    """Population stability index of weekly counts over fixed classes, >= 0.

    sum((a - e) * ln(a / e)) over class shares (Siddiqi 2006, Credit Risk Scorecards), with half a
    count added to each class so that empty ones do not give infinity.
    """
    e = np.histogram(expected, _PSI_EDGES)[0] + 0.5
    a = np.histogram(actual, _PSI_EDGES)[0] + 0.5
    e, a = e / e.sum(), a / a.sum()
    return float(((a - e) * np.log(a / e)).sum())


def _counts(tables: Tables) -> pd.Series:
    known = latest_cases(tables).dropna(subset=["cases"])
    return known.set_index(["unit_id", "week_no"])["cases"]
