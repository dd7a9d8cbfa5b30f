"""What only the whole of the data shows: calendar gaps, cover, revisions, a rewritten past."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.data.months import month_label
from pipelines.data.table_rules import MAX_CHANGED_SHARE
from pipelines.data.tables import Tables, latest_cases
from pipelines.weeks import Calendar

_NEWEST_WEEKS = 8  # whose reports may still be coming in


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
    return pd.DataFrame(
        {
            "when": weeks,
            "period": labels,
            "n_reporting": n,
            "reporting_share": share,
            "is_week_53": [p.endswith("w53") for p in labels],
        }
    )


def month_cover(tables: Tables) -> pd.DataFrame:
    """Every month from the first to the newest climate month: period, n_reporting."""
    known = tables.climate.dropna(subset=["temp_mean_c", "rainfall_mm"], how="all")
    if known.empty:
        return pd.DataFrame()
    when = known["year"].to_numpy(dtype=np.int64) * 12 + known["month"].to_numpy(dtype=np.int64) - 1
    months = np.arange(when.min(), when.max() + 1)
    n = np.bincount(when - when.min(), minlength=len(months))
    return pd.DataFrame(
        {
            "when": months,
            "period": [month_label(m) for m in months],
            "n_reporting": n,
            "reporting_share": 1.0,
        }
    )


def runs(rows: pd.DataFrame) -> pd.DataFrame:
    """Neighbouring weeks or months joined to one row each: period "2018-w10..2018-w12", n_rows."""
    when = rows["when"].to_numpy(dtype=np.int64)
    group = np.cumsum(np.diff(when, prepend=when[:1] - 2) != 1)
    joined = rows.groupby(group)["period"].agg(["first", "last", "size"])
    period = [
        a if a == b else f"{a}..{b}" for a, b in zip(joined["first"], joined["last"], strict=True)
    ]
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
    keys = ["unit_id", "week_no"]
    several = tables.cases[
        tables.cases.duplicated(keys, keep=False)
    ]  # of the rest none was changed
    cases = several.sort_values([*keys, "received_date"], kind="stable")
    before = cases.groupby(keys, sort=False)["cases"].shift()
    changed = cases.assign(cases_before=before)[before.notna()]
    columns = ["unit_id", "week_no", "cases_before", "cases", "received_date"]
    return changed[columns].reset_index(drop=True)


def drift(tables: Tables, previous: Tables) -> pd.DataFrame:
    """Measures against the accepted version before: problem, measure, limit, detail, fix,
    period."""
    now, then = _counts(tables), _counts(previous)
    both = now.merge(then, on=["unit_id", "week_no"], suffixes=("", "_before"))
    changed = both["cases"] != both["cases_before"]
    share = float(changed.mean()) if len(both) else 0.0
    rows = [
        (
            "past-counts-changed",
            share,
            MAX_CHANGED_SHARE,
            f"{int(changed.sum())} of {len(both)} counts differ from the accepted version "
            f"({share:.2%})",
            "ask the provider whether the past was revised on purpose",
            "",
            int(changed.sum()),
        ),
    ]
    return pd.DataFrame(
        rows, columns=["problem", "measure", "limit", "detail", "fix", "period", "n_rows"]
    )


def _counts(tables: Tables) -> pd.DataFrame:
    return latest_cases(tables)[["unit_id", "week_no", "cases"]].dropna(subset=["cases"])
