"""A recipe end to end: parity, no future, equal bits in two processes."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import TrainingError
from pipelines.fusion.linear import fit_linear
from pipelines.training import inner
from pipelines.training.inner import LinearFits, linear_stage
from pipelines.training.recipe import train_recipe, train_recipes
from pipelines.weeks import CDC

CUT = CDC.week_no("2018-w01")
CUTS = {1: CUT, 4: CUT}
FUSED = ("early", "late_joint")


@pytest.fixture(scope="module")
def planted(make_examples):
    return {h: make_examples(h, planted=3.0) for h in CUTS}


@pytest.fixture(scope="module")
def trained(planted, quick):
    return train_recipes(planted, ("linear", *FUSED), quick, CUTS)


def held_out(rows):
    return rows.take(rows.target_week_no > CUT)


def brier(model, rows):
    return float(np.mean((model.probability(rows) - rows.label) ** 2))


def test_the_linear_head_needs_no_vectors_and_says_so(trained):
    fitted = trained["linear"]
    assert fitted.epochs == 0 and fitted.lambda_shift == 0.0 and fitted.lambda_curve == []
    assert all(m.vector_widths is None for m in fitted.models.values())


def test_the_linear_head_is_fitted_on_all_rows_up_to_the_cut(trained, planted, quick):
    for horizon, rows in planted.items():
        expected = fit_linear(rows.take(rows.target_week_no <= CUT), quick.train.linear_c)
        np.testing.assert_array_equal(
            trained["linear"].models[horizon].forecaster.weight, expected.weight
        )


def test_an_origin_a_year_later_does_not_fit_the_inner_seasons_again_and_is_the_same(
    planted, quick, monkeypatch
):
    own, fits, calls = {4: planted[4]}, LinearFits(quick.train.linear_c), []
    alone = train_recipe(own, "linear", quick, {4: CUT}).models[4]
    train_recipe(own, "linear", quick, {4: CUT - 52}, fits)
    monkeypatch.setattr(inner, "fit_linear", lambda *a: calls.append(a) or fit_linear(*a))
    shared = train_recipe(own, "linear", quick, {4: CUT}, fits).models[4]
    assert len(calls) == 2  # all rows and the newest season; two are a year older
    assert shared.calibration == alone.calibration
    np.testing.assert_array_equal(shared.probability(planted[4]), alone.probability(planted[4]))


@pytest.mark.parametrize("head", FUSED)
def test_a_signal_in_the_vectors_makes_the_fused_head_better_on_unseen_weeks(
    head, trained, planted
):
    for horizon, rows in planted.items():
        unseen = held_out(rows)
        own, linear = (brier(trained[h].models[horizon], unseen) for h in (head, "linear"))
        assert own < linear - 0.01


@pytest.mark.parametrize("head", FUSED)
def test_rows_without_vectors_get_the_linear_heads_answer_bit_for_bit(head, trained, planted):
    rows = planted[4]
    bare = rows.take(~(rows.image.mask | rows.text.mask))
    np.testing.assert_array_equal(
        trained[head].models[4].probability(bare), trained["linear"].models[4].probability(bare)
    )


def test_without_a_signal_the_fused_head_is_not_worse_on_validation(make_examples, quick):
    rows = {h: make_examples(h, planted=0.0, seed=11) for h in CUTS}
    scores = train_recipe(rows, "early", quick, CUTS).validation[4]
    assert scores["modality_brier"] <= scores["modality_linear_brier"] + 1e-9


def test_one_horizon_of_each_head_shares_lambda_and_epochs(trained):
    for head in FUSED:
        shifts = {m.lambda_shift for m in trained[head].models.values()}
        assert shifts == {trained[head].lambda_shift}
        assert trained[head].epochs >= 1


def test_the_decision_threshold_reaches_its_sensitivity_on_validation(planted, quick, trained):
    stage = linear_stage(planted[4], quick, CUT)
    model = trained["linear"].models[4]
    logit = np.concatenate([f.linear_logit[f.validation] for f in stage.folds])
    label = np.concatenate([planted[4].label[f.validation] for f in stage.folds])
    positive = model.calibration.every.probability(logit)[label == 1]
    assert (positive >= model.decision_threshold).mean() >= 0.8


def test_validation_rows_lie_after_their_training_rows_and_before_the_cut(planted, quick):
    for fold in linear_stage(planted[4], quick, CUT).folds:
        target = planted[4].target_week_no
        assert target[fold.train].max() <= target[fold.validation].min() - 4
        assert target[fold.validation].max() <= CUT


@pytest.mark.parametrize("head", ("linear", *FUSED))
def test_labels_after_the_cut_change_nothing(head, trained, planted, quick):
    flipped = {
        h: replace(r, label=np.where(r.target_week_no > CUT, 1 - r.label, r.label))
        for h, r in planted.items()
    }
    again = train_recipe(flipped, head, quick, CUTS)
    for horizon, rows in planted.items():
        np.testing.assert_array_equal(
            again.models[horizon].probability(rows), trained[head].models[horizon].probability(rows)
        )
    assert again.lambda_curve == trained[head].lambda_curve


def test_what_is_reported_is_json(trained):
    for fitted in trained.values():
        json.dumps([fitted.lambda_curve, fitted.validation], allow_nan=False)


def test_an_absent_primary_horizon_is_refused(planted, quick):
    with pytest.raises(TrainingError, match="primary horizon, 4 weeks"):
        train_recipe({1: planted[1]}, "early", quick, {1: CUT})


def test_a_cut_before_the_first_target_is_refused(planted, quick):
    with pytest.raises(TrainingError, match="up to the cut"):
        train_recipe(planted, "linear", quick, {h: CDC.week_no("2005-w01") for h in CUTS})


_CHILD = """
import sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from support.synthetic_bundle import train_and_write
print(train_and_write(Path({out!r})))
"""


def test_two_processes_write_the_same_bundle_byte_for_byte(tmp_path, train_and_write):
    tests = str(Path(__file__).parents[1])
    code = _CHILD.format(tests=tests, out=str(tmp_path / "child"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert train_and_write(tmp_path / "here") == done.stdout.strip()
