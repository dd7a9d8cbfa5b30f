from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score

from pipelines.evaluate.metrics import (
    auprc,
    brier,
    calibration_table,
    expected_calibration_error,
    scores,
    skill,
)

LABEL = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 0.0])
PROBABILITY = np.array([0.1, 0.6, 0.35, 0.8, 0.9, 0.2])
THRESHOLD = np.full(6, 0.3)


def test_scores_agree_with_scikit_learn() -> None:
    found = scores(LABEL, PROBABILITY, THRESHOLD)
    assert found["brier"] == pytest.approx(brier_score_loss(LABEL, PROBABILITY))
    assert found["auprc"] == pytest.approx(average_precision_score(LABEL, PROBABILITY))
    assert found["macro_f1"] == pytest.approx(f1_score(LABEL, PROBABILITY >= 0.3, average="macro"))
    assert found["macro_f1_at_half"] == pytest.approx(
        f1_score(LABEL, PROBABILITY >= 0.5, average="macro")
    )


def test_average_precision_has_the_bits_of_scikit_learns_ties_included() -> None:
    rng = np.random.default_rng(7)
    for rows in (2, 3, 10, 60, 520):
        for digits in (1, 2, 12):  # few digits: many equal probabilities
            label, probability = (rng.random(rows) < 0.3).astype(float), rng.random(rows)
            label[:2] = 0.0, 1.0
            probability = probability.round(digits)
            assert auprc(label, probability) == average_precision_score(label, probability)


def test_alarm_scores_are_those_counted_by_hand() -> None:
    found = scores(LABEL, PROBABILITY, THRESHOLD)
    assert found["sensitivity"] == 1.0
    assert found["specificity"] == pytest.approx(2 / 3)
    assert found["ppv"] == pytest.approx(3 / 4)


def test_a_probability_at_the_threshold_is_an_alarm() -> None:
    assert scores(np.array([1.0]), np.array([0.3]), np.array([0.3]))["sensitivity"] == 1.0


def test_one_class_only_has_a_brier_score_and_no_ranking_score() -> None:
    found = scores(np.zeros(3), np.array([0.1, 0.2, 0.3]), np.full(3, 0.5))
    assert found["brier"] == pytest.approx(0.14 / 3)
    assert found["auprc"] is found["macro_f1"] is found["sensitivity"] is found["ppv"] is None


def test_skill_is_the_share_of_the_reference_that_is_saved() -> None:
    assert skill(0.1, 0.2) == pytest.approx(0.5)
    assert skill(0.3, 0.2) == pytest.approx(-0.5)
    assert skill(0.1, 0.0) is None


def test_calibration_bins_hold_every_row_once() -> None:
    table = calibration_table(LABEL, PROBABILITY)
    assert sum(b["rows"] for b in table) == 6
    last = calibration_table(np.array([1.0]), np.array([1.0]))
    assert [b["high"] for b in last] == [1.0]


def test_a_calibrated_forecast_has_no_calibration_error_and_a_shifted_one_its_shift() -> None:
    label = np.array([1.0, 0.0, 0.0, 0.0] * 25)
    right = calibration_table(label, np.full(100, 0.25))
    wrong = calibration_table(label, np.full(100, 0.45))
    assert expected_calibration_error(right) == pytest.approx(0.0)
    assert expected_calibration_error(wrong) == pytest.approx(0.2)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 1.0]),
            st.one_of(st.floats(0, 1), st.just(float("nan"))),
            st.floats(0, 1),
        ),
        max_size=30,
    )
)
def test_whatever_the_rows_the_scores_are_valid_json(
    rows: list[tuple[float, float, float]],
) -> None:
    table = np.array(rows, dtype=float).reshape(-1, 3)
    found = scores(table[:, 0], table[:, 1], table[:, 2])
    json.dumps(found, allow_nan=False)
    assert found["rows"] == len(rows)


def test_a_missing_probability_makes_the_brier_score_unknown() -> None:
    assert brier(np.array([1.0, 0.0]), np.array([0.5, np.nan])) is None
