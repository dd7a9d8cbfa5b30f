"""The linear recipe, end to end with calibration, reaches the reference figures on the real table.

Figures to reach: the best of a four-lag logistic and a pooled gradient boosting on the same ten
municipalities and the same label rule, as docs and the report print them.
"""

from __future__ import annotations

import calendar
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines.config import load_profile
from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.labels import compute_thresholds, label_of
from pipelines.data.rows import sample_rows
from pipelines.data.sources.sample import package_table
from pipelines.data.sources.satellitebench_columns import (
    CODE,
    NAME,
    TEN_MUNICIPALITIES,
    read_column,
)
from pipelines.data.splits import fold_cut, test_year_targets
from pipelines.data.tables import Tables
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.inference.predict import predict_proba
from pipelines.training.recipe import train_recipe
from pipelines.weeks import CDC

AS_OF = CDC.week_no("2018-w52")
HORIZONS = (1, 4, 8, 12)
OF_2018 = {1: 0.068, 4: 0.097, 8: 0.119, 12: 0.133}
OF_2014_TO_2018 = {4: 0.105, 12: 0.150}
NO_SCENES = (
    "unit_id",
    "scene_date",
    "uri",
    "sha256",
    "content_sha256",
    "quality",
    "available_date",
    "first_seen_available_date",
    "synthetic",
)


def real_tables() -> Tables:
    raw = pd.read_csv(package_table(), low_memory=False)
    unit = raw[CODE].map(lambda code: f"{int(code):05d}")
    known = {n: column for n in raw.columns if (column := read_column(n))}
    weeks = [(n, c.when) for n, c in known.items() if c.kind == "week" and c.when <= AS_OF]
    cases = [
        pd.DataFrame({"unit_id": unit, "week_no": w, "cases": raw[n].astype(float)})
        for n, w in weeks
    ]
    rain = {c.when: n for n, c in known.items() if c.kind == "rain"}
    climate = [
        _month(unit, c.when, raw[n], raw[rain[c.when]])
        for n, c in known.items()
        if c.kind == "temp"
    ]
    facts = {
        c.clean: raw[n].astype(float)
        for n, c in known.items()
        if c.kind in ("population", "demographic")
    }
    return Tables(
        pd.concat(cases, ignore_index=True).assign(received_date=date(2019, 1, 2)),
        pd.concat(climate, ignore_index=True),
        pd.DataFrame({"unit_id": unit, "name": raw[NAME]} | facts),
        pd.DataFrame(columns=list(NO_SCENES)),
    )


def _month(unit: pd.Series, when: int, temp: pd.Series, rain: pd.Series) -> pd.DataFrame:
    year, month = when // 12, when % 12 + 1
    end = date(year, month, calendar.monthrange(year, month)[1])
    return pd.DataFrame(
        {
            "unit_id": unit,
            "year": year,
            "month": month,
            "temp_mean_c": temp.astype(float),
            "rainfall_mm": rain.astype(float),
            "available_date": end,
        }
    )


@pytest.fixture(scope="module")
def profile():
    # prompts are not read by the linear head: no municipality gets one, which saves seconds
    return load_profile(
        "sample",
        **{"evaluate.horizons_weeks": HORIZONS, "data.text_window": {"municipalities": ()}},
    )


@pytest.fixture(scope="module")
def examples(profile) -> dict[int, Examples]:
    tables = real_tables()
    thresholds = compute_thresholds(tables, load_profile("sample").labels, CDC, AS_OF)
    pool = thresholds[thresholds["in_pool"]].set_index("unit_id")["threshold_cases"]
    rows = sample_rows(tables, profile, tuple(pool.index), AS_OF)
    rows["threshold_cases"] = rows["unit_id"].map(pool)
    return {int(h): _examples(int(h), group) for h, group in rows.groupby("horizon_weeks")}


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


@pytest.fixture(scope="module")
def brier(examples, profile) -> dict[tuple[int, int], float]:
    """(year, horizon) -> Brier on the ten municipalities, trained before that year, embargoed."""
    out = {}
    for year in range(2014, 2019):
        first, last = test_year_targets(year, CDC)[0], test_year_targets(year, CDC)[-1]
        wanted = {h: e for h, e in examples.items() if year == 2018 or h in OF_2014_TO_2018}
        fitted = train_recipe(wanted, "linear", profile, {h: fold_cut(first, h, 0) for h in wanted})
        for horizon, rows in wanted.items():
            inside = (rows.target_week_no >= first) & (rows.target_week_no <= last)
            ten = np.isin(rows.unit_id.astype(str), TEN_MUNICIPALITIES)
            test = rows.take(inside & ten & np.isfinite(rows.label))
            probability = predict_proba(fitted.models[horizon], test)
            out[year, horizon] = float(np.mean((probability - test.label) ** 2))
    return out


@pytest.mark.parametrize("horizon, bar", OF_2018.items())
def test_the_linear_recipe_reaches_the_reference_brier_of_2018(horizon, bar, brier):
    assert brier[2018, horizon] < bar + 0.0005, brier


@pytest.mark.parametrize("horizon, bar", OF_2014_TO_2018.items())
def test_refitted_yearly_it_reaches_the_reference_brier_of_2014_to_2018(horizon, bar, brier):
    assert np.mean([brier[year, horizon] for year in range(2014, 2019)]) < bar + 0.0005, brier
