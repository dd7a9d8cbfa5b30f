"""The report's words about the label rule: which years it rests on, and outbreak weeks by year."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipelines.evaluate.report_numbers import percent

Record = Mapping[str, Any]


def reference(thresholds: pd.DataFrame | None, metrics: Record) -> dict[str, Any] | None:
    """How many years the thresholds of the newest origins rest on, and for how many places.

    A place that has no threshold at all is counted with its newest reason.
    """
    if thresholds is None:
        return None
    table = _with_years(thresholds)
    usable = table[table["refused_reason"].isna()]
    known = _of_newest_year(usable).drop_duplicates("unit_id")
    spans = known.groupby(["reference_years", "reference_weeks"]).size().reset_index(name="places")
    never = table[~table["in_pool"].astype(bool)].drop_duplicates("unit_id", keep="last")
    refused = never["refused_reason"].fillna("")
    return {
        "pool": int(table.loc[table["in_pool"].astype(bool), "unit_id"].nunique()),
        "now": len(known),
        "spans": [
            {**span, "years": f"{span['reference_years']:g}"} for span in spans.to_dict("records")
        ],
        "refused": [
            {"reason": str(r), "places": int(n)} for r, n in refused.value_counts().items()
        ],
        "test_years": ", ".join(str(y) for y in metrics.get("test_years", ())),
    }


def by_year(
    rates: Mapping[str, float], thresholds: pd.DataFrame | None, metrics: Record
) -> list[dict[str, Any]]:
    """Outbreak weeks by year of the target, with what the thresholds of that year's origins rest
    on.

    A rule whose years differ widely in it asks different questions in them.
    """
    spans = {} if thresholds is None else _spans(_with_years(thresholds))
    judged = {str(year) for year in metrics.get("test_years", ())}
    return [
        {
            "year": year,
            "rate": percent(rate),
            "judged": year in judged,
            **spans.get(year, spans.get("", _NONE)),
        }
        for year, rate in sorted(rates.items())
    ]


def newest(thresholds: pd.DataFrame | None) -> pd.DataFrame | None:
    """Usable thresholds of the newest origins; those of all years and seasons would fill a book."""
    if thresholds is None:
        return None
    table = _with_years(thresholds)
    return _of_newest_year(table[table["refused_reason"].isna()])


_NONE = {"places": "–", "years": "–"}


def _spans(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Origin year ("" = every one) -> places with a threshold and years that it rests on."""
    usable = table[table["refused_reason"].isna()]
    years, found = usable["origin_year"].astype(float), {}
    for year in years.drop_duplicates().tolist():
        every = math.isnan(year)
        own = usable[years.isna() if every else years == year]
        low, high = own["reference_years"].min(), own["reference_years"].max()
        found["" if every else str(int(year))] = {
            "places": str(own["unit_id"].nunique()),
            "years": f"{low:g}" if low == high else f"{low:g} to {high:g}",
        }
    return found


def _with_years(thresholds: pd.DataFrame) -> pd.DataFrame:
    """Tables of the first version knew one threshold a unit, and no year."""
    return (
        thresholds if "origin_year" in thresholds else thresholds.assign(origin_year=float("nan"))
    )


def _of_newest_year(table: pd.DataFrame) -> pd.DataFrame:
    years = table["origin_year"]
    last: pd.DataFrame = table[years.isna() | (years == years.max())]
    return last
