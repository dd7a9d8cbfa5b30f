"""The municipal table as clean tables in one step, without scenes: no drop, no checks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from pipelines.data.months import month_end
from pipelines.data.sources.dane import DaneCodes
from pipelines.data.sources.satellitebench_columns import (
    CODE,
    NAME,
    read_column,
)
from pipelines.data.tables import Tables
from pipelines.weeks import CDC


def municipal_tables(csv_path: Path, received: date = date(2019, 1, 2)) -> Tables:
    """All 1,121 municipalities to 2018-w52."""
    raw = pd.read_csv(csv_path, low_memory=False)
    units = raw[CODE].map(lambda code: DaneCodes().normalise(str(code)))
    known = {name: column for name in raw.columns if (column := read_column(name))}
    cases = [
        pd.DataFrame({"unit_id": units, "week_no": column.when, "cases": raw[name]})
        for name, column in known.items()
        if column.kind == "week" and column.when <= CDC.week_no("2018-w52")
    ]
    return replace(
        Tables.empty(),
        cases=pd.concat(cases, ignore_index=True)
        .assign(received_date=received)
        .astype({"cases": float}),
        climate=_climate_of(raw, units),
        units=pd.DataFrame(
            {"unit_id": units, "name": raw[NAME]}
            | {
                c.clean: raw[n].astype(float)
                for n, c in known.items()
                if c.kind in ("population", "demographic")
            }
        ),
    )


def _climate_of(raw: pd.DataFrame, units: pd.Series) -> pd.DataFrame:
    months = {c.when: n for n in raw.columns if (c := read_column(n)) and c.kind == "temp"}
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "unit_id": units,
                    "year": when // 12,
                    "month": when % 12 + 1,
                    "temp_mean_c": raw[name].astype(float),
                    "rainfall_mm": raw[name.replace("TEMPERATURE", "PRECIPITATION")].astype(float),
                    "available_date": month_end(when),
                }
            )
            for when, name in months.items()
        ],
        ignore_index=True,
    )


DROPS = [{"received_date": "2019-01-02", "hash": "abc"}]
