"""The loop: learns what is there, is equal bit for bit, and counts missing vectors as nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines.config import load_profile
from pipelines.errors import TrainingError
from pipelines.fusion.alignment import UNSHIFTED, Shift
from pipelines.fusion.examples import ModalityVectors
from pipelines.training.learners import Task
from pipelines.training.rows import fused_rows, train_gap
from pipelines.training.train import train_fixed

KINDS = ("early", "late_joint")
CONFIG = load_profile("sample").train


def split(examples):
    rows = fused_rows(examples)
    order = torch.arange(len(rows))
    return rows.take(order[order % 3 != 0]), rows.take(order[order % 3 == 0])


def run(kind, examples, epochs=4, value=0.5, **changes):
    train, validation = split(examples)
    config = CONFIG.model_copy(update=changes)
    return train_fixed(kind, train, Shift(value, train_gap(train)), config, epochs, validation)


@pytest.mark.parametrize("kind", KINDS)
def test_epoch_zero_is_the_linear_head(kind, make_examples):
    trained = run(kind, make_examples(planted=3.0))
    validation = split(make_examples(planted=3.0))[1]
    half = np.mean((0.5 - validation.label.numpy()) ** 2)  # linear logits are still zero here
    assert trained.curve[0] == half
    assert len(trained.curve) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_signal_that_only_vectors_hold_is_learned(kind, make_examples):
    trained = run(kind, make_examples(planted=3.0))
    assert trained.curve[-1] < trained.curve[0] - 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_equal_inputs_give_equal_bits(kind, make_examples):
    first, second = (run(kind, make_examples(planted=1.0)) for _ in range(2))
    assert first.curve == second.curve
    for name, value in first.state.items():
        np.testing.assert_array_equal(value, second.state[name])


def test_what_ran_before_does_not_change_the_result(make_examples):
    first = run("early", make_examples())
    torch.manual_seed(99)
    torch.randn(17)
    second = run("early", make_examples())
    np.testing.assert_array_equal(first.state["output.weight"], second.state["output.weight"])


def test_training_leaves_the_global_state_of_torch_alone(make_examples):
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    run("early", make_examples(), epochs=1)
    assert torch.equal(torch.randn(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()


def test_another_seed_gives_another_head(make_examples):
    first, second = (run("early", make_examples(), seed=seed) for seed in (1, 2))
    assert not np.array_equal(first.state["output.weight"], second.state["output.weight"])


def test_fewer_epochs_are_a_prefix_of_more(make_examples):
    assert run("early", make_examples(), epochs=2).curve == run("early", make_examples()).curve[:3]


def test_validation_rows_do_not_change_the_head(make_examples):
    train, validation = split(make_examples())
    shift = Shift(0.5, train_gap(train))
    watched = train_fixed("early", train, shift, CONFIG, 2, validation)
    alone = train_fixed("early", train, shift, CONFIG, 2)
    for name, value in alone.state.items():
        np.testing.assert_array_equal(value, watched.state[name])


@pytest.mark.parametrize("sigma", [0.0, 0.5])
def test_a_nan_in_a_vector_that_is_missing_never_reaches_the_weights(sigma, make_examples):
    clean = make_examples()
    dirty = np.full((1, clean.image.width), np.nan, dtype=np.float32)
    poisoned = replace(
        clean, image=ModalityVectors(np.concatenate([clean.image.table, dirty]), clean.image.row)
    )
    first, second = (
        run("late_joint", e, epochs=2, noise_sigma=sigma, alignment_weight=0.1)
        for e in (clean, poisoned)
    )
    np.testing.assert_array_equal(first.state["output.weight"], second.state["output.weight"])


def test_the_printed_noise_drowns_the_signal(make_examples):
    quiet, loud = (run("early", make_examples(planted=3.0), noise_sigma=s) for s in (0.0, 1.0))
    assert quiet.curve[-1] < loud.curve[-1]


def test_l_reg_pulls_the_branches_together_and_is_reported(make_examples):
    free, pulled = (run("late_joint", make_examples(), alignment_weight=w) for w in (0.0, 5.0))
    assert pulled.history[-1].alignment < free.history[-1].alignment
    last = pulled.history[-1]
    assert last.total == pytest.approx(last.classification + 5.0 * last.alignment, rel=1e-4)


def test_a_last_batch_of_one_row_does_not_fail(make_examples):
    rows = fused_rows(make_examples())
    odd = rows.take(torch.arange(2 * CONFIG.batch_rows + 1))
    trained = train_fixed("late_joint", odd, Shift(0.0, train_gap(odd)), CONFIG, 1)
    assert all(np.isfinite(v).all() for v in trained.state.values())


def test_a_loss_that_is_not_finite_is_an_error(make_examples):
    with pytest.raises(TrainingError, match="not finite"):
        run("early", make_examples(), learning_rate=1e30)


def test_the_gap_comes_from_the_pairs_of_the_rows_given(make_examples):
    train, validation = split(make_examples())
    moved = replace(validation, image=validation.image + 9.0)
    unpaired = torch.where(train.paired[:, None], train.text, torch.full_like(train.text, 9.0))
    assert torch.equal(train_gap(train), train_gap(replace(train, text=unpaired)))
    assert not torch.equal(train_gap(train), train_gap(moved))


def test_a_head_with_several_classes_stands_alone_and_learns(make_examples):
    train, watched = split(make_examples(planted=3.0))
    three = [
        replace(r, label=r.label.long() + (r.has_image & r.has_text).long())
        for r in (train, watched)
    ]
    trained = train_fixed(
        "late_joint", three[0], UNSHIFTED, CONFIG, 6, three[1], Task(3, residual=False)
    )
    assert np.abs(trained.watched_logit[0]).max() > 0  # no residual that starts at nothing
    right = [(logit.argmax(1) == three[1].label.numpy()).mean() for logit in trained.watched_logit]
    assert trained.watched_logit[0].shape == (len(watched), 3)
    assert right[-1] > max(right[0], 0.5)


def test_modalities_of_two_widths_are_read_unstretched_where_nothing_shifts_them(make_examples):
    train, watched = split(make_examples())
    narrow = [replace(r, text=r.text[:, :5]) for r in (train, watched)]
    trained = train_fixed("early", narrow[0], UNSHIFTED, CONFIG, 1, narrow[1])
    assert trained.state["block.linear.weight"].shape[1] == train.image.shape[1] + 5


def test_class_weights_lift_the_rarer_class(make_examples):
    train, watched = split(make_examples())
    plain, heavy = (
        train_fixed("early", train, UNSHIFTED, CONFIG, 4, watched, Task(class_weight=w))
        .watched_logit[-1]
        .mean()
        for w in (None, (20.0,))
    )
    assert heavy > plain + 0.1
