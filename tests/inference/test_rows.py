"""One row of plain fields is predicted exactly as its row of the sample table."""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines.config import load_profile
from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.prompts import load_template
from pipelines.data.rows import sample_rows
from pipelines.data.tables import Tables
from pipelines.errors import ConfigError
from pipelines.fusion.bundle import Bundle
from pipelines.inference.asked_row import MOST_CASE_WEEKS, ClimateMonth, PredictionRow
from pipelines.inference.predict import Prediction, predict_rows, predict_vectors
from pipelines.inference.rows import prompt_of, vector_input
from pipelines.weeks import CDC

UNITS = ("05001", "90001")
HORIZONS = (0, 1, 4, 12)
FIRST, LAST = CDC.week_no("2016-w01"), CDC.week_no("2018-w40")


def predict_row(bundle: Bundle, row: PredictionRow, **vectors) -> Prediction:
    given = {name: [np.float32(vector)] for name, vector in vectors.items()}
    return predict_rows(bundle, [row], **given)[0]


def cases_table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    weeks = np.arange(FIRST, LAST + 1, dtype=np.int32)
    frames = [
        pd.DataFrame(
            {"unit_id": unit, "week_no": weeks, "cases": rng.poisson(20, len(weeks)).astype(float)}
        )
        for unit in UNITS
    ]
    cases = pd.concat(frames, ignore_index=True)
    cases["received_date"] = date(2018, 12, 4)
    cases.loc[cases["week_no"] == LAST - 2, "cases"] = np.nan
    return cases


def climate_table() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    months = [(y, m) for y in (2016, 2017, 2018) for m in range(1, 13)]
    return pd.DataFrame(
        [
            (
                unit,
                y,
                m,
                rng.normal(24, 2),
                rng.gamma(2, 60),
                date(y, m, calendar.monthrange(y, m)[1]),
            )
            for unit in UNITS
            for y, m in months
        ],
        columns=["unit_id", "year", "month", "temp_mean_c", "rainfall_mm", "available_date"],
    )


@pytest.fixture(scope="module")
def tables() -> Tables:
    units = pd.DataFrame(
        {
            "unit_id": UNITS,
            "name": ("Medellín", "Elsewhere"),
            "population_2016": (2.4e6, 9e3),
            "population_2018": (2.5e6, 1e4),
            "households_without_water_pct": (2.0, 30.0),
            "houses_per_km2": (1800.0, 12.0),
            "age_0_4_pct": (6.0, 9.0),
            "age_5_14_pct": (13.0, 19.0),
        }
    )
    scenes = pd.DataFrame(
        columns=[
            "unit_id",
            "scene_date",
            "uri",
            "sha256",
            "content_sha256",
            "quality",
            "available_date",
            "first_seen_available_date",
            "synthetic",
        ]
    )
    return Tables(cases_table(), climate_table(), units, scenes)


def fields_of(tables: Tables, row: pd.Series, delay: int = 0) -> PredictionRow:
    """What someone outside would send for a row of the sample table."""
    lag = max(delay, 1) if row["horizon_weeks"] == 0 else delay
    newest = row["origin_week_no"] - lag
    cases = tables.cases[tables.cases["unit_id"] == row["unit_id"]].set_index("week_no")["cases"]
    recent = cases.reindex(range(newest - MOST_CASE_WEEKS + 1, newest + 1))
    end = CDC.week_end(int(row["origin_week_no"]))
    known = tables.climate[
        (tables.climate["unit_id"] == row["unit_id"]) & (tables.climate["available_date"] <= end)
    ]
    known = known.sort_values(["year", "month"]).tail(3)
    unit = tables.units.set_index("unit_id").loc[row["unit_id"]]
    return PredictionRow(
        municipality_code=row["unit_id"],
        origin_week=row["origin_week"],
        horizon_weeks=int(row["horizon_weeks"]),
        recent_cases=[None if np.isnan(v) else float(v) for v in recent],
        climate=[
            ClimateMonth(temp_mean_c=temp, rainfall_mm=rain)
            for temp, rain in zip(known["temp_mean_c"], known["rainfall_mm"], strict=True)
        ],
        climate_month=f"{known['year'].iloc[-1]:04d}-{known['month'].iloc[-1]:02d}",
        municipality_name=unit["name"],
        population=unit["population_2018" if end.year >= 2018 else "population_2016"],
        households_without_water_pct=unit["households_without_water_pct"],
        houses_per_km2=unit["houses_per_km2"],
        age_0_14_pct=unit["age_0_4_pct"] + unit["age_5_14_pct"],
    )


@pytest.fixture(scope="module")
def samples(tables: Tables) -> pd.DataFrame:
    profile = load_profile("sample", **{"evaluate.horizons_weeks": HORIZONS})
    return sample_rows(tables, profile, UNITS, LAST, first_origin=LAST - 40)


@pytest.fixture(scope="module")
def bundle(make_examples, make_bundle):
    rows = make_examples(units=2)
    return make_bundle(
        rows,
        threshold_cases={"05001": 18.0, "90001": 25.0},
        prompt_template_id=load_template("es").template_id,
        recipe={"data": {"reporting_delay_weeks": 0, "text_window": {"municipalities": ["05001"]}}},
    )


def test_covariates_of_plain_fields_are_those_of_the_sample_table(tables, samples, bundle):
    for _, row in samples.iloc[::7].iterrows():
        found = vector_input(bundle, fields_of(tables, row)).covariates
        np.testing.assert_allclose(
            np.array([found[name] for name in COVARIATE_NAMES], dtype=np.float32),
            row[list(COVARIATE_NAMES)].to_numpy(dtype=np.float32),
            atol=1e-6,
            err_msg=row["sample_id"],
        )


def test_a_delay_moves_the_newest_week_and_nothing_else(tables, make_examples, make_bundle):
    profile = load_profile(
        "sample", **{"evaluate.horizons_weeks": HORIZONS, "data.reporting_delay_weeks": 2}
    )
    rows = sample_rows(tables, profile, UNITS, LAST, first_origin=LAST - 3)
    late = make_bundle(make_examples(units=2), recipe={"data": {"reporting_delay_weeks": 2}})
    for _, row in rows.iterrows():
        found = vector_input(late, fields_of(tables, row, delay=2)).covariates
        np.testing.assert_allclose(
            [found[name] for name in COVARIATE_NAMES],
            row[list(COVARIATE_NAMES)].to_numpy(dtype=np.float64),
            atol=1e-5,
        )


def test_a_stored_row_sent_as_fields_gets_the_batch_prediction(
    tables, samples, bundle, make_examples
):
    chosen = samples[samples["horizon_weeks"] == 4].reset_index(drop=True)
    blank = make_examples(units=2, modalities=False).take(np.arange(len(chosen)))
    threshold = chosen["unit_id"].map(bundle.meta.threshold_cases).to_numpy(np.float32)
    batch = replace(
        blank,
        covariates=chosen[list(COVARIATE_NAMES)].to_numpy(np.float32),
        threshold_cases=threshold,
    )
    expected = bundle.models[4].probability(batch)
    found = predict_rows(bundle, [fields_of(tables, row) for _, row in chosen.iterrows()])
    np.testing.assert_allclose([p.probability for p in found], expected, atol=1e-6)
    assert [p.threshold_cases for p in found] == threshold.tolist()


def test_the_prompt_of_plain_fields_is_that_of_the_sample_table(tables, samples, bundle):
    inside = samples[samples["unit_id"] == "05001"]
    assert inside["text"].notna().all()
    for _, row in inside.iloc[::9].iterrows():
        assert prompt_of(bundle, fields_of(tables, row)) == row["text"]


def test_outside_the_text_window_there_is_no_prompt(tables, samples, bundle):
    row = samples[samples["unit_id"] == "90001"].iloc[0]
    assert row["text"] is None
    assert prompt_of(bundle, fields_of(tables, row)) is None


def test_another_prompt_template_is_refused(tables, samples, make_examples, make_bundle):
    other = make_bundle(make_examples(units=2), prompt_template_id="elsewhere")
    with pytest.raises(ConfigError, match="another prompt template"):
        prompt_of(other, fields_of(tables, samples.iloc[0]))


ONE_MONTH = [ClimateMonth(temp_mean_c=25.0, rainfall_mm=100.0)]


def plain(**changes) -> PredictionRow:
    base = {
        "municipality_code": "05001",
        "origin_week": "2018-w30",
        "horizon_weeks": 4,
        "recent_cases": [10.0] * 8,
    }
    return PredictionRow(**{**base, **changes})


def test_what_is_used_is_told_for_each_modality(bundle):
    image, text = [1.0] * 12, [1.0] * 8
    both = predict_row(bundle, plain(), images=image, texts=text)
    assert both.mask == {"image": "used", "text": "used"} and both.lambda_shift == 0.5
    assert predict_row(bundle, plain(), texts=text).mask == {"image": "missing", "text": "used"}
    linear = predict_row(bundle, plain(horizon_weeks=1), images=image)
    assert set(linear.mask.values()) == {"not used by this head"} and linear.lambda_shift == 0.0


def test_the_class_follows_from_probability_and_threshold(bundle):
    found = predict_rows(bundle, [plain(recent_cases=[float(c)] * 8) for c in (0, 5, 18, 90, 400)])
    assert [p.outbreak for p in found] == [p.probability >= p.decision_threshold for p in found]
    assert {p.outbreak for p in found} == {True, False}


def test_answers_keep_the_order_of_mixed_horizons(bundle):
    rows = [plain(horizon_weeks=h, recent_cases=[float(c)] * 8) for c in (3, 60) for h in (4, 1)]
    together = predict_rows(bundle, rows)
    np.testing.assert_allclose(
        [p.probability for p in together],
        [predict_row(bundle, r).probability for r in rows],
        atol=1e-9,
    )


def test_no_row_gives_no_answer(bundle):
    assert predict_vectors(bundle, []) == []


def test_a_row_of_nothing_but_missing_counts_is_still_answered(bundle):
    found = predict_row(bundle, plain(recent_cases=[None] * 4))
    assert 0.0 < found.probability < 1.0


def test_an_unknown_horizon_is_refused_with_the_known_ones(bundle):
    with pytest.raises(ConfigError, match=r"\[1, 4\]"):
        predict_row(bundle, plain(horizon_weeks=9))


def test_an_unknown_municipality_is_refused(bundle):
    with pytest.raises(ConfigError, match="11001"):
        predict_row(bundle, plain(municipality_code="11001"))


def test_a_vector_of_another_width_is_refused(bundle):
    with pytest.raises(ConfigError, match="7 numbers, not 12"):
        predict_row(bundle, plain(), images=[0.0] * 7)


def test_climate_of_a_month_that_has_not_ended_is_refused(bundle):
    with pytest.raises(ConfigError, match="2018-07 is not known in 2018-w30"):
        predict_row(bundle, plain(climate=ONE_MONTH, climate_month="2018-07"))


def test_stale_climate_counts_as_missing(bundle):
    old = vector_input(bundle, plain(climate=ONE_MONTH, climate_month="2017-09"))
    fresh = vector_input(bundle, plain(climate=ONE_MONTH, climate_month="2018-06"))
    assert np.isnan(old.covariates["temp_mean_c_lag1"])
    assert fresh.covariates["temp_mean_c_lag1"] == 25.0


def test_weeks_are_counted_from_the_newest_end(bundle):
    counts = [1.0, 2.0, 3.0, 4.0, 5.0]
    found = vector_input(bundle, plain(recent_cases=counts)).covariates
    lags = [np.expm1(found[f"log1p_cases_lag{k:02d}"]) for k in range(4)]
    np.testing.assert_allclose(lags, [5.0, 4.0, 3.0, 2.0])
