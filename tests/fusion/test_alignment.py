"""Alignment formulas against plain NumPy, and what a mask promises."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.fusion.alignment import (
    Shift,
    add_noise,
    alignment_loss,
    modality_gap,
    stretch,
    unit_normalise,
)

EVERY = torch.ones(40, dtype=torch.bool)


def unit_pairs(rows=40, width=16, seed=0):
    """Image and text unit vectors with a gap between them, float64."""
    rng = np.random.default_rng(seed)
    image, text = rng.normal(size=(2, rows, width))
    image[:, 0] += 3.0
    text[:, 1] -= 2.0
    return tuple(
        torch.from_numpy(v / np.linalg.norm(v, axis=1, keepdims=True)) for v in (image, text)
    )


def test_unit_normalise_divides_by_the_length():
    raw = np.random.default_rng(1).normal(size=(40, 5))
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    np.testing.assert_allclose(unit_normalise(torch.from_numpy(raw), EVERY).numpy(), expected)


def test_a_present_vector_of_length_zero_stays_zero_and_finite():
    assert torch.equal(unit_normalise(torch.zeros(1, 4), EVERY[:1]), torch.zeros(1, 4))


@pytest.mark.parametrize("narrow, wide", [(3, 5), (384, 1280), (7, 7)])
def test_stretch_interpolates_along_the_feature_axis(narrow, wide):
    raw = np.random.default_rng(2).normal(size=(4, narrow))
    grid = np.linspace(0, narrow - 1, wide)
    expected = np.stack([np.interp(grid, np.arange(narrow), row) for row in raw])
    np.testing.assert_allclose(stretch(torch.from_numpy(raw), wide).numpy(), expected, atol=1e-12)


def test_an_empty_batch_can_be_stretched():
    assert stretch(torch.zeros(0, 3), 5).shape == (0, 5)


def test_the_gap_is_the_difference_of_the_means_over_pairs_only():
    image, text = unit_pairs()
    paired = torch.arange(40) < 30
    expected = image.numpy()[:30].mean(axis=0) - text.numpy()[:30].mean(axis=0)
    np.testing.assert_allclose(modality_gap(image, text, paired).numpy(), expected)


def test_the_printed_scalar_gap_is_the_length_of_the_vector_gap():
    image, text = unit_pairs()
    vector = modality_gap(image, text, EVERY).numpy()
    scalar = modality_gap(image, text, EVERY, "scalar").numpy()
    np.testing.assert_allclose(scalar, [np.linalg.norm(vector)])


def test_the_gap_without_pairs_is_zero():
    image, text = unit_pairs()
    assert not modality_gap(image, text, ~EVERY).any()


@pytest.mark.parametrize("value", [-1.0, -0.3, 0.5, 1.0])
def test_the_shift_moves_each_side_by_half_and_renormalises(value):
    image, text = unit_pairs()
    gap = modality_gap(image, text, EVERY)
    shift = Shift(value, gap)
    for result, raw, sign in (
        (shift.image(image, EVERY), image, -1),
        (shift.text(text, EVERY), text, 1),
    ):
        moved = raw.numpy() + sign * value / 2 * gap.numpy()
        expected = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        np.testing.assert_allclose(result.numpy(), expected)


def test_the_scalar_shift_is_subtracted_from_both_sides():
    image, text = unit_pairs()
    shift = Shift(0.5, modality_gap(image, text, EVERY, "scalar"), "scalar")
    for result, raw in ((shift.image(image, EVERY), image), (shift.text(text, EVERY), text)):
        moved = raw.numpy() - 0.25 * shift.gap.numpy()
        expected = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        np.testing.assert_allclose(result.numpy(), expected)


def test_lambda_one_closes_the_mean_gap_before_renormalisation():
    image, text = unit_pairs()
    gap = modality_gap(image, text, EVERY)
    moved_image, moved_text = image - gap / 2, text + gap / 2
    assert gap.norm() > 0.3
    assert modality_gap(moved_image, moved_text, EVERY).norm() < 1e-12


def test_lambda_zero_leaves_unit_vectors_as_they_are():
    image, text = unit_pairs()
    shift = Shift(0.0, modality_gap(image, text, EVERY))
    torch.testing.assert_close(shift.image(image, EVERY), image)
    torch.testing.assert_close(shift.text(text, EVERY), text)


def test_a_negative_lambda_widens_the_gap_and_a_positive_one_narrows_it():
    image, text = unit_pairs()
    gap = modality_gap(image, text, EVERY)
    widths = []
    for value in (-1.0, 0.0, 1.0):
        shift = Shift(value, gap)
        widths.append(
            float(modality_gap(shift.image(image, EVERY), shift.text(text, EVERY), EVERY).norm())
        )
    assert widths[0] > widths[1] > widths[2]


def test_noise_has_the_asked_spread_and_leaves_missing_rows_alone():
    mask = torch.arange(400) % 2 == 0
    noisy = add_noise(torch.zeros(400, 50), mask, 0.3, torch.Generator().manual_seed(1))
    assert not noisy[~mask].any()
    assert abs(float(noisy[mask].std()) - 0.3) < 0.01


def test_l_reg_is_half_the_mean_squared_distance_of_pairs():
    rng = np.random.default_rng(3)
    text, image = rng.normal(size=(2, 6, 4))
    paired = np.array([1, 1, 0, 1, 0, 1], dtype=bool)
    expected = ((text - image)[paired] ** 2).sum() / (2 * paired.sum())
    found = alignment_loss(
        torch.from_numpy(text), torch.from_numpy(image), torch.from_numpy(paired)
    )
    np.testing.assert_allclose(float(found), expected)


def test_the_gradient_of_l_reg_is_the_difference_over_n_and_zero_for_unpaired_rows():
    text = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    image = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    paired = torch.tensor([True, False, True, True, False])
    alignment_loss(text, image, paired).backward()
    expected = torch.where(paired[:, None], (text - image) / 3, 0.0).detach()
    torch.testing.assert_close(text.grad, expected)
    torch.testing.assert_close(image.grad, -expected)
    assert torch.autograd.gradcheck(lambda t, i: alignment_loss(t, i, paired), (text, image))


def test_l_reg_without_pairs_is_zero_with_a_finite_gradient():
    text = torch.randn(2, 3, requires_grad=True)
    loss = alignment_loss(text, torch.randn(2, 3), torch.zeros(2, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0.0 and not text.grad.any()


poison = st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e30])


@settings(max_examples=40, deadline=None)
@given(
    mask=st.lists(st.booleans(), min_size=2, max_size=8),
    value=st.sampled_from([-1.0, -0.2, 0.0, 0.7, 1.0]),
    sigma=st.sampled_from([0.0, 0.5]),
    bad=poison,
)
def test_what_a_missing_vector_holds_never_leaks(mask, value, sigma, bad):
    present = torch.tensor(mask)
    clean = torch.from_numpy(np.random.default_rng(5).normal(size=(len(mask), 6)))
    poisoned = torch.where(present[:, None], clean, torch.full_like(clean, bad))
    shift = Shift(value, torch.full((6,), 0.1, dtype=torch.float64))

    def shifted(vectors):
        unit = unit_normalise(vectors, present)
        noisy = add_noise(unit, present, sigma, torch.Generator().manual_seed(0))
        return shift.image(noisy, present)

    torch.testing.assert_close(shifted(poisoned), shifted(clean), rtol=0, atol=0)
    assert not shifted(poisoned)[~present].any()
    lengths = shifted(poisoned)[present].norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths))
