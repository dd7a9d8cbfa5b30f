"""Calibration that helps or stays away, and a decision threshold with a stated sensitivity."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.fusion.calibration import (
    IDENTITY,
    Platt,
    choose_platt,
    decision_threshold,
    fit_platt,
)


def rows(slope=1.0, intercept=0.0, count=3000, seed=0):
    """Logits, labels and seasons where the truth is sigmoid(slope * logit + intercept)."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=count) * 2
    label = (rng.uniform(size=count) < 1 / (1 + np.exp(-(slope * logit + intercept)))).astype(float)
    return logit, label, np.repeat(np.arange(3), count // 3)


def test_an_over_confident_logit_is_calibrated():
    logit, label, season = rows(slope=0.4, intercept=-0.5)
    chosen = choose_platt(logit, label, season)
    assert abs(chosen.slope - 0.4) < 0.1 and abs(chosen.intercept + 0.5) < 0.15


def test_a_calibrated_logit_is_left_alone():
    assert choose_platt(*rows(seed=4)) == IDENTITY


def test_a_bias_of_one_odd_season_does_not_bend_the_others():
    logit, label, season = rows(seed=5)
    odd = rows(intercept=1.0, seed=6)[1]
    assert choose_platt(logit, np.where(season == 2, odd, label), season) == IDENTITY


def test_one_season_cannot_judge_itself():
    logit, label, _ = rows(slope=0.4)
    assert choose_platt(logit, label, np.zeros(len(label), dtype=int)) == IDENTITY


def test_without_a_reason_the_given_calibrator_stays():
    given_before = Platt(0.9, 0.1)
    assert (
        choose_platt(np.zeros(0), np.zeros(0), np.zeros(0, dtype=int), given_before) == given_before
    )


def test_few_rows_or_one_class_give_the_identity():
    logit, label, _ = rows(slope=0.4)
    assert fit_platt(logit[:30], label[:30]) == IDENTITY
    assert fit_platt(logit, np.zeros_like(label)) == IDENTITY


def test_a_ranking_is_never_turned_round():
    logit, label, season = rows(slope=-1.0)
    assert choose_platt(logit, label, season) == IDENTITY


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_the_threshold_is_the_largest_with_a_sensitivity_of_at_least_80_percent(pairs):
    probability, label = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    threshold = decision_threshold(probability, label)
    positives = probability[label == 1]
    if not len(positives):
        assert threshold == 0.5
        return
    assert (positives >= threshold).mean() >= 0.8 - 1e-9
    higher = positives[positives > threshold]
    assert not len(higher) or (positives >= higher.min()).mean() < 0.8
