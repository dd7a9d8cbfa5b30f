"""Dataset versions of any size, made of random numbers: what feature versions are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.contracts import COVARIATE_NAMES
from pipelines.storage import write_json
from pipelines.storage.parquet import write_parquet
from pipelines.weeks import CDC

UNITS, HORIZONS = 1_121, (1, 4, 8, 12)
_FIRST_YEAR, _WEEKS = 2005, 52
_TEXTS = ("image_uri", "image_sha256", "image_quality", "text", "text_sha256")


def make_dataset(folder: Path, years: int) -> int:
    """Units x weeks x horizons without scenes and prompts, as build_dataset leaves them; returns
    the number of rows."""
    units = np.array([f"{number:05d}" for number in range(UNITS)], dtype=object)
    rows = 0
    for year in range(_FIRST_YEAR, _FIRST_YEAR + years):
        table = _year(units, year)
        write_parquet(folder / "samples" / f"epi_year={year}" / "part.parquet", table)
        rows += table.num_rows
    limits = pd.DataFrame({"unit_id": units, "threshold_cases": 5.0, "in_pool": True})
    nothing = {"origin_year": np.nan, "season_week": np.nan, "refused_reason": None}
    write_parquet(folder / "thresholds.parquet", pa.Table.from_pandas(limits.assign(**nothing)))
    about = {"as_of_week": f"{_FIRST_YEAR + years - 1}-w40", "covariates": list(COVARIATE_NAMES)}
    write_json(folder / "dataset.json", {**about, "label_rule_id": "made", "week": None})
    return rows


def _year(units: np.ndarray, year: int) -> pa.Table:
    first = CDC.week_no(f"{year}-w01")
    weeks = np.arange(first, first + _WEEKS, dtype=np.int32)
    count = len(units) * _WEEKS * len(HORIZONS)
    unit = np.repeat(units, _WEEKS * len(HORIZONS))
    week = np.tile(np.repeat(weeks, len(HORIZONS)), len(units))
    horizon = np.tile(np.array(HORIZONS, np.int32), len(units) * _WEEKS)
    rng = np.random.default_rng(year)
    label = {no: CDC.week_label(no) for no in range(first, first + _WEEKS + HORIZONS[-1])}
    origin, target = [label[int(no)] for no in week], week + horizon
    return pa.table(
        {
            "sample_id": list(map("{}-{}-h{:02d}".format, unit, origin, horizon)),
            "unit_id": pa.array(unit),
            "group_id": pa.array(unit),
            "origin_week": origin,
            "target_week": [label[int(no)] for no in target],
            "origin_week_no": week,
            "target_week_no": target,
            "horizon_weeks": horizon,
            "image_date": pa.nulls(count, pa.date32()),
            "image_age_weeks": pa.nulls(count, pa.int32()),
            **{name: pa.nulls(count, pa.string()) for name in _TEXTS},
            **{name: rng.standard_normal(count, dtype=np.float32) for name in COVARIATE_NAMES},
            "cases": rng.poisson(4.0, count).astype(np.float64),
        }
    )
