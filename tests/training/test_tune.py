"""Choosing lambda and epochs: the rule, the refusals, and where it looks."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.fusion.examples import ModalityVectors
from pipelines.training.head_folds import head_folds
from pipelines.training.inner import linear_stage
from pipelines.training.season_curves import best_epochs
from pipelines.training.tune import choose_lambda, one_standard_error, tune
from pipelines.weeks import CDC

CUT = CDC.week_no("2018-w01")


def scores(**by_lambda):
    return {
        float(k[1:].replace("m", "-").replace("_", ".")): np.array(v) for k, v in by_lambda.items()
    }


def test_a_difference_within_one_standard_error_stays_at_zero():
    chosen, reason = one_standard_error(scores(l0=[0.10, 0.12, 0.14], l0_5=[0.09, 0.13, 0.135]))
    assert chosen == 0.0 and "one standard error" in reason


def test_a_difference_beyond_one_standard_error_moves_lambda():
    chosen, _ = one_standard_error(scores(l0=[0.10, 0.12, 0.14], l0_5=[0.09, 0.109, 0.131]))
    assert chosen == 0.5


def test_of_lambdas_that_will_do_the_nearest_to_zero_is_taken():
    chosen, _ = one_standard_error(
        scores(l0=[0.20, 0.20, 0.20], l0_5=[0.108, 0.10, 0.09], l1=[0.10, 0.101, 0.0895])
    )
    assert chosen == 0.5


def test_seasons_are_compared_in_pairs():
    """Seasons differ far more than lambdas; every one of them is better by the same amount."""
    chosen, _ = one_standard_error(scores(l0=[0.05, 0.15, 0.25], lm0_5=[0.04, 0.14, 0.24]))
    assert chosen == -0.5


def test_equal_scores_stay_at_zero():
    assert one_standard_error(scores(l0=[0.1, 0.1], l1=[0.1, 0.1], lm1=[0.1, 0.1]))[0] == 0.0


def test_a_gain_too_small_to_matter_leaves_lambda_at_zero_however_steady_it_is():
    steady = scores(l0=[0.10, 0.12, 0.14], l0_5=[0.099, 0.119, 0.139])
    assert one_standard_error(steady)[0] == 0.5
    chosen, reason = choose_lambda(steady, 0.02)
    assert chosen == 0.0 and "0.5 gains 0.83% of the Brier score" in reason


def test_a_gain_that_matters_moves_lambda():
    clear = scores(l0=[0.10, 0.12, 0.14], lm0_5=[0.097, 0.117, 0.137])
    assert choose_lambda(clear, 0.02)[0] == -0.5
    assert choose_lambda(clear, 0.03)[0] == 0.0


def test_the_fewest_of_equally_good_epochs_are_taken():
    assert best_epochs(np.array([[0.1, 0.08, 0.08], [0.1, 0.08, 0.08]])) == 1
    assert best_epochs(np.array([[0.1, 0.2], [0.1, 0.1]])) == 0


@pytest.fixture(scope="module")
def stage(make_examples, quick):
    return linear_stage(make_examples(planted=3.0), quick, CUT)


def tuned_on(stage, train):
    rows, folds = stage.for_fit()
    return tune("early", rows, head_folds(folds), train)


def test_a_planted_signal_is_worth_epochs(stage, quick):
    tuned = tuned_on(stage, quick.train)
    assert tuned.epochs >= 1
    assert {(p.lambda_shift, p.first_target_week) for p in tuned.sweep} == {
        (value, week) for value in (0.0, 0.5) for week in {p.first_target_week for p in tuned.sweep}
    }
    assert len(tuned.sweep) == 6


def test_noise_alone_is_worth_no_epoch_or_next_to_nothing(make_examples, quick):
    stage = linear_stage(make_examples(planted=0.0), quick, CUT)
    tuned = tuned_on(stage, quick.train)
    mean = np.mean([p.curve for p in tuned.sweep if p.lambda_shift == tuned.lambda_shift], axis=0)
    assert mean[tuned.epochs] <= mean[0]


def test_targets_after_the_cut_are_never_read(make_examples, quick):
    rows = make_examples(planted=3.0)
    after = rows.target_week_no > CUT
    assert after.any()
    flipped = replace(rows, label=np.where(after, 1 - rows.label, rows.label))
    first, second = (tuned_on(linear_stage(r, quick, CUT), quick.train) for r in (rows, flipped))
    assert first == second


def tuned_with(rows, quick, **changes):
    train = quick.train.model_copy(update=changes)
    return tuned_on(linear_stage(rows, quick, CUT), train)


def test_too_few_pairs_leave_lambda_at_zero_and_say_how_many(make_examples, quick):
    tuned = tuned_with(make_examples(planted=3.0), quick, min_paired_rows=10_000)
    assert tuned.lambda_shift == 0.0 and "10000 are needed" in tuned.lambda_reason
    assert tuned.epochs >= 1, "epochs are still chosen"
    assert {p.lambda_shift for p in tuned.sweep} == {0.0}


def test_too_few_municipalities_leave_lambda_at_zero(make_examples, quick):
    tuned = tuned_with(make_examples(units=4, planted=3.0), quick, min_paired_rows=50)
    assert tuned.lambda_shift == 0.0 and "2 municipalities, 3 are needed" in tuned.lambda_reason


def test_one_class_among_the_pairs_leaves_lambda_at_zero(make_examples, quick):
    rows = make_examples()
    paired = rows.image.mask & rows.text.mask
    tuned = tuned_with(replace(rows, label=np.where(paired, 0.0, rows.label)), quick)
    assert tuned.lambda_shift == 0.0 and "one class" in tuned.lambda_reason


def test_too_few_seasons_with_pairs_leave_lambda_at_zero(make_examples, quick):
    rows = make_examples(planted=3.0)
    early = rows.origin_week_no < CUT - 60
    late_images = ModalityVectors(
        rows.image.table, np.where(early, -1, rows.image.row).astype(np.int32)
    )
    tuned = tuned_with(replace(rows, image=late_images), quick)
    assert tuned.lambda_shift == 0.0 and "3 are needed" in tuned.lambda_reason


def test_no_vector_at_all_means_no_epoch_and_a_reason(make_examples, quick):
    tuned = tuned_with(make_examples(modalities=False), quick)
    assert (tuned.lambda_shift, tuned.epochs, tuned.sweep) == (0.0, 0, ())
    assert "no inner season" in tuned.lambda_reason


def test_the_curve_for_the_report_has_a_row_for_each_lambda_and_season(stage, quick):
    tuned = tuned_on(stage, quick.train)
    curve = tuned.lambda_curve()
    assert len(curve) == 6
    assert all(row["trained_epochs"] >= 1 for row in curve)
    assert {"lambda", "origin", "brier"} <= set(curve[0])
