"""The municipal table as clean tables in one step, without scenes: no drop, no checks; and the
examples of such tables, without vectors."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.config import Profile
from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.labels import compute_thresholds, label_of
from pipelines.data.months import month_end
from pipelines.data.rows import sample_rows
from pipelines.data.sources.dane import DaneCodes
from pipelines.data.sources.satellitebench_columns import (
    CODE,
    NAME,
    read_column,
)
from pipelines.data.tables import Tables
from pipelines.fusion.examples import Examples, ModalityVectors
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


def examples_of_pool(tables: Tables, profile: Profile, as_of: int) -> dict[int, Examples]:
    """Horizon -> the rows of every unit whose threshold its history gives."""
    thresholds = compute_thresholds(tables, profile.labels, CDC, as_of)
    pool = thresholds[thresholds["in_pool"]].set_index("unit_id")["threshold_cases"]
    rows = sample_rows(tables, profile, tuple(pool.index), as_of)
    rows["threshold_cases"] = rows["unit_id"].map(pool)
    return {int(h): _examples(int(h), own) for h, own in rows.groupby("horizon_weeks")}


def _examples(horizon: int, rows: pd.DataFrame) -> Examples:
    threshold = rows["threshold_cases"].to_numpy(np.float64)
    nothing = ModalityVectors(np.zeros((0, 1), np.float32), np.full(len(rows), -1, np.int32))
    return Examples(
        horizon,
        rows["sample_id"].to_numpy(object),
        rows["unit_id"].to_numpy(object),
        rows["origin_week_no"].to_numpy(np.int32),
        rows["target_week_no"].to_numpy(np.int32),
        rows[list(COVARIATE_NAMES)].to_numpy(np.float32),
        threshold.astype(np.float32),
        label_of(rows["cases"].to_numpy(np.float64), threshold).astype(np.float32),
        nothing,
        nothing,
    )
