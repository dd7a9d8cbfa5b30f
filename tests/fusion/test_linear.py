"""The linear head: its design, missing values and what it needs."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipelines.contracts import COVARIATE_NAMES, COVARIATES
from pipelines.errors import TrainingError
from pipelines.fusion import linear
from pipelines.fusion.design import DESIGN_NAMES, STABILISED, Designed, design
from pipelines.fusion.linear import LinearModel, fit_linear


def test_log_case_columns_are_relative_to_the_threshold_and_others_are_not(make_examples):
    rows = make_examples(units=2)
    raw = design(rows)
    for k, covariate in enumerate(COVARIATES):
        less = np.log1p(rows.threshold_cases) if covariate.kind == "log_cases" else 0.0
        np.testing.assert_allclose(raw[:, k], rows.covariates[:, k] - less, rtol=1e-5, atol=1e-5)


def test_stabilised_columns_are_anscombe_differences(make_examples):
    rows = make_examples(units=2)
    raw = design(rows)
    for name in STABILISED:
        cases = np.expm1(rows.covariates[:, COVARIATE_NAMES.index(name)].astype(float))
        expected = 2 * np.sqrt(cases + 3 / 8) - 2 * np.sqrt(rows.threshold_cases + 3 / 8)
        np.testing.assert_allclose(
            raw[:, DESIGN_NAMES.index(f"anscombe_{name[6:]}")], expected, rtol=1e-4, atol=1e-4
        )


def test_a_town_at_its_threshold_looks_the_same_at_every_size(make_examples):
    rows = make_examples(units=2)
    lag = COVARIATE_NAMES.index("log1p_cases_lag00")
    rows.covariates[:, lag] = np.log1p(rows.threshold_cases)
    assert len(np.unique(rows.threshold_cases)) > 1
    np.testing.assert_allclose(design(rows)[:, lag], 0.0, atol=1e-6)


def test_the_fit_is_scikit_learns_on_standardised_columns(make_examples):
    rows = make_examples(units=3)
    raw = design(rows)
    standard = np.nan_to_num((raw - np.nanmean(raw, axis=0)) / np.nanstd(raw, axis=0))
    expected = (
        LogisticRegression(C=0.05, max_iter=5000, tol=1e-10)
        .fit(standard, rows.label)
        .decision_function(standard)
    )
    np.testing.assert_allclose(fit_linear(rows, 0.05).logit(rows), expected, atol=1e-4)


def test_many_rows_are_fitted_from_where_an_eighth_of_them_led_to_the_same_numbers(
    make_examples, monkeypatch
):
    rows = make_examples(units=8)
    cold = fit_linear(rows, 0.05)
    monkeypatch.setattr(linear, "_MANY_ROWS", 1)
    np.testing.assert_allclose(fit_linear(rows, 0.05).logit(rows), cold.logit(rows), atol=1e-6)


def test_many_rows_of_which_an_eighth_is_of_one_class_are_fitted_all_the_same(
    make_examples, monkeypatch
):
    rows = make_examples(units=8)
    eighth = np.arange(len(rows)) % 8 == 0
    odd = replace(rows, label=np.where(eighth, 0, rows.label).astype(np.float32))
    cold = fit_linear(odd, 0.05)
    monkeypatch.setattr(linear, "_MANY_ROWS", 1)
    np.testing.assert_array_equal(fit_linear(odd, 0.05).weight, cold.weight)


@pytest.mark.parametrize(
    "names", [COVARIATE_NAMES, ("season_cos1", "log1p_cases_lag01", "log1p_cases_lag00")]
)
def test_a_design_that_is_made_once_has_the_columns_of_one_made_for_some_covariates(
    make_examples, names
):
    rows = make_examples(units=3)
    np.testing.assert_array_equal(Designed.of(rows).columns(names), design(rows, names))


def test_a_fit_on_a_design_that_is_made_already_is_the_same_bit_for_bit(make_examples):
    rows = lacking(make_examples(units=8), 0.75)
    made = fit_linear(rows, 0.05, Designed.of(rows))
    alone = fit_linear(rows, 0.05)
    assert made.covariate_names == alone.covariate_names != rows.covariate_names
    np.testing.assert_array_equal(made.weight, alone.weight)
    np.testing.assert_array_equal(made.logit_of(Designed.of(rows)), alone.logit(rows))


def test_a_missing_covariate_counts_as_the_training_mean(make_examples):
    rows = make_examples(units=3)
    model = fit_linear(rows, 0.05)
    climate = COVARIATE_NAMES.index("temp_mean_c_lag1")
    missing, at_mean = rows.covariates.copy(), rows.covariates.copy()
    missing[:, climate], at_mean[:, climate] = np.nan, model.mean[climate]
    np.testing.assert_allclose(
        model.logit(replace(rows, covariates=missing)),
        model.logit(replace(rows, covariates=at_mean)),
        atol=1e-6,
    )


def test_rows_without_a_label_are_left_out(make_examples):
    rows = make_examples(units=3)
    known = np.arange(len(rows)) % 2 == 0
    half = replace(rows, label=np.where(known, rows.label, np.nan).astype(np.float32))
    np.testing.assert_array_equal(
        fit_linear(half, 0.05).weight, fit_linear(rows.take(known), 0.05).weight
    )


def test_one_class_gives_a_finite_constant(make_examples):
    rows = make_examples(units=2)
    only = replace(rows, label=np.zeros_like(rows.label))
    logit = fit_linear(only, 0.05).logit(rows)
    assert np.ptp(logit) == 0.0 and np.isfinite(logit).all() and logit[0] < -5


def test_no_known_label_is_an_error_that_names_the_horizon(make_examples):
    rows = make_examples(units=2)
    with pytest.raises(TrainingError, match="horizon 4 weeks"):
        fit_linear(replace(rows, label=np.full_like(rows.label, np.nan)), 0.05)


def test_no_known_covariate_at_all_still_gives_the_base_rate(make_examples):
    rows = make_examples(units=2)
    empty = replace(rows, covariates=np.full_like(rows.covariates, np.nan))
    probability = 1 / (1 + np.exp(-fit_linear(empty, 0.05).logit(empty)))
    np.testing.assert_allclose(probability, rows.label.mean(), atol=0.01)


def lacking(rows, share, column=20):
    """Rows of which a share of the units has no value in one column."""
    units = np.unique(rows.unit_id)
    without = np.isin(rows.unit_id, units[: int(share * len(units))])
    covariates = rows.covariates.copy()
    covariates[without, column] = np.nan
    return replace(rows, covariates=covariates)


def test_a_covariate_that_most_units_lack_is_left_out_and_one_that_half_lack_stays(make_examples):
    rows = make_examples(units=8)
    half, most = (fit_linear(lacking(rows, share), 0.05) for share in (0.5, 0.75))
    assert half.covariate_names == rows.covariate_names
    assert most.covariate_names == rows.covariate_names[:20]


def test_a_model_without_a_column_ignores_it_and_knows_that_after_loading(make_examples, tmp_path):
    rows = make_examples(units=8)
    fit_linear(lacking(rows, 1.0), 0.05).save(tmp_path)
    loaded = LinearModel.load(tmp_path)
    np.testing.assert_array_equal(loaded.logit(rows), loaded.logit(lacking(rows, 1.0)))


def test_rows_of_a_place_that_declares_fewer_covariates_are_read_by_name(make_examples):
    rows = make_examples(units=4)
    few = ("season_sin1", "log1p_cases_lag00", "season_cos1")
    at = [rows.covariate_names.index(name) for name in few]
    small = replace(rows, covariates=rows.covariates[:, at], covariate_names=few)
    model = fit_linear(small, 0.05)
    assert model.covariate_names == few
    np.testing.assert_allclose(model.logit(rows), model.logit(small), atol=1e-12)


def test_no_known_covariate_at_all_gives_the_rate(make_examples):
    rows = make_examples(units=2)
    empty = replace(rows, covariates=np.full_like(rows.covariates, np.nan))
    found = fit_linear(empty, 0.05).predict_proba(empty)
    np.testing.assert_allclose(found, rows.label.mean(), atol=1e-3)
