"""What was accepted before files that are checked alone: the cells of the accepted tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipelines.data.raw import RawDrop
from pipelines.data.tables import Tables, latest_cases

_KEYS = ["unit_id", "kind", "clean", "when", "number"]


def earlier_cells(previous: Tables | None, raws: Sequence[RawDrop]) -> pd.DataFrame | None:
    """Cells of the accepted tables if all the drops came after them; else the drops tell it all.

    Returns:
        unit_id, kind, clean, when, number, withdrawn; None if the drops begin with the first one.
    """
    if previous is None or previous.cases.empty or not raws:
        return None
    newest = previous.cases["received_date"].max()
    if any(raw.drop.info.received_date <= newest for raw in raws):
        return None
    parts = [_counts(previous), *_climate(previous), *_figures(previous), _series(previous)]
    return pd.concat(parts, ignore_index=True).assign(withdrawn=False)


def _counts(tables: Tables) -> pd.DataFrame:
    frame = latest_cases(tables).dropna(subset=["cases"])
    return frame.rename(columns={"week_no": "when", "cases": "number"}).assign(
        kind="week", clean=""
    )[_KEYS]


def _climate(tables: Tables) -> list[pd.DataFrame]:
    months = tables.climate["year"].astype("int64") * 12 + tables.climate["month"] - 1
    out = []
    for kind, name in (("temp", "temp_mean_c"), ("rain", "rainfall_mm")):
        frame = tables.climate.assign(when=months, kind=kind, clean="", number=tables.climate[name])
        out.append(frame.dropna(subset=["number"])[_KEYS])
    return out


def _figures(tables: Tables) -> list[pd.DataFrame]:
    """Populations by year, and figures that do not change."""
    out = []
    for name in (c for c in tables.units.columns if c not in ("unit_id", "name", "parent")):
        year = name.removeprefix("population_")
        is_year = name.startswith("population_") and year.isdigit()
        kind, when = ("population", int(year)) if is_year else ("demographic", 0)
        frame = tables.units.assign(kind=kind, clean=name, when=when, number=tables.units[name])
        out.append(frame.dropna(subset=["number"])[_KEYS])
    return out


def _series(tables: Tables) -> pd.DataFrame:
    kinds = {"week": "weekly", "month": "monthly"}
    frame = tables.series.assign(kind=tables.series["step"].map(kinds))
    return frame.rename(columns={"name": "clean", "period_no": "when", "value": "number"})[_KEYS]
