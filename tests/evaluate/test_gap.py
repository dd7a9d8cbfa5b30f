"""Measures of the modality gap against plain NumPy, and what must leave them as they are."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import TrainingError
from pipelines.fusion.alignment import GapKind, Shift
from pipelines.fusion.space import (
    gap_norm,
    pair_cosine,
    pca_points,
    unit_pairs,
    variance_after_pca,
)
from pipelines.paper.gap import gap_record, linear_separability

Array = npt.NDArray[np.float64]


def two_modalities(
    n: int = 60, image_width: int = 24, text_width: int = 24, seed: int = 0, apart: float = 3.0
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Raw vectors whose first components share what a pair is about, around means `apart` apart."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 4))
    image, text = rng.normal(size=(n, image_width)), rng.normal(size=(n, text_width))
    for vectors in (image, text):
        vectors[:, :4] += 2 * shared
    image[:, -1] += apart
    text[:, -2] += apart
    return image.astype(np.float32) * 5, text.astype(np.float32) / 3


# --- The same in plain NumPy --------------------------------------------------------------------
def unit(vectors: Array) -> Array:
    return np.array([row / np.sqrt((row**2).sum()) for row in np.asarray(vectors, np.float64)])


def widened(vectors: Array, width: int) -> Array:
    old, new = np.linspace(0, 1, vectors.shape[1]), np.linspace(0, 1, width)
    return np.array([np.interp(new, old, row) for row in vectors])


def plain_pairs(image: Array, text: Array) -> tuple[Array, Array]:
    width = max(image.shape[1], text.shape[1])
    return unit(widened(unit(image), width)), unit(widened(unit(text), width))


def plain_shift(
    image: Array, text: Array, gap: Array, at: float, kind: GapKind
) -> tuple[Array, Array]:
    if kind == "scalar":
        length = np.sqrt((gap**2).sum())
        return unit(image - at / 2 * length), unit(text - at / 2 * length)
    return unit(image - at / 2 * gap), unit(text + at / 2 * gap)


def plain_axes(image: Array, text: Array, k: int) -> tuple[Array, Array, Array]:
    both = np.concatenate([image, text])
    _, size, axes = np.linalg.svd(both - both.mean(axis=0), full_matrices=False)
    return both.mean(axis=0), axes[:k].T, (size**2 / (size**2).sum())[:k]


@pytest.mark.parametrize("text_width", [24, 15])
def test_the_variance_after_pca_is_that_of_the_paper_by_an_svd_of_its_own(text_width: int) -> None:
    image, text = two_modalities(text_width=text_width)
    one, two = plain_pairs(image, text)
    mean, axes, _ = plain_axes(one, two, 2)
    expected = {
        name: np.mean([np.mean((p - p.mean()) ** 2) for p in ((v - mean) @ axes).T])
        for name, v in (("text_variance", two), ("image_variance", one))
    }
    assert variance_after_pca(image, text) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("components", "n"), [(2, 60), (3, 60), (3, 2)])
def test_points_before_and_after_the_shift_lie_on_the_axes_of_the_unshifted_vectors(
    components: int, n: int
) -> None:
    image, text = two_modalities(n, text_width=15)
    one, two = plain_pairs(image, text)
    gap = one.mean(axis=0) - two.mean(axis=0)
    mean, axes, share = plain_axes(one, two, components)
    shift = Shift(0.7, torch.from_numpy(gap.astype(np.float32)))
    found = pca_points(image, text, shift, components)
    after = plain_shift(one, two, gap, 0.7, "vector")
    for points, vectors in zip(
        (found.image, found.text, found.image_shifted, found.text_shifted),
        (one, two, *after),
        strict=True,
    ):
        expected = (vectors - mean) @ axes
        turned = np.sign((expected * points).sum(axis=0))  # an axis may point either way
        np.testing.assert_allclose(points * turned, expected, atol=2e-5)
    assert found.explained_share == pytest.approx(share, abs=1e-5)


@pytest.mark.parametrize("kind", ["vector", "scalar"])
def test_the_record_holds_at_every_lambda_what_plain_loops_find(kind: GapKind) -> None:
    image, text = two_modalities(40, image_width=12)
    train, test = np.arange(40) < 25, np.arange(40) >= 25
    record = gap_record(image, text, (-1.0, 0.5, 1.0), kind, train, test)
    one, two = plain_pairs(image, text)
    gap = one[train].mean(axis=0) - two[train].mean(axis=0)
    assert record["fitted_gap_norm"] == pytest.approx(np.sqrt((gap**2).sum()), abs=1e-5)
    assert [record[k] for k in ("n_pairs", "n_pairs_fitted", "stretched")] == [15, 25, "image"]
    assert not record["fitted_on_measured"] and gap_record(image, text, ())["fitted_on_measured"]
    assert [s["lambda_shift"] for s in record["shifts"]] == [-1.0, 0.0, 0.5, 1.0]
    for found in record["shifts"]:
        i, t = plain_shift(one[test], two[test], gap, found["lambda_shift"], kind)
        away = i.mean(axis=0) - t.mean(axis=0)
        assert found["gap_norm"] == pytest.approx(np.sqrt((away**2).sum()), abs=1e-5)
        cosine = [a @ b for a, b in zip(i, t, strict=True)]
        others = [i[a] @ t[b] for a in range(15) for b in range(15) if a != b]
        assert found["pair_cosine"]["mean"] == pytest.approx(np.mean(cosine), abs=1e-5)
        assert found["pair_cosine"]["unpaired_mean"] == pytest.approx(np.mean(others), abs=1e-5)
        assert found["pair_cosine"]["quantiles"]["0.25"] == pytest.approx(
            np.quantile(cosine, 0.25), abs=1e-5
        )
    json.dumps(record, allow_nan=False)


# --- Properties ---------------------------------------------------------------------------------
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16), at=st.sampled_from([-1.0, 0.3, 1.0]))
def test_turning_both_modalities_together_changes_no_measure(seed: int, at: float) -> None:
    image, text = two_modalities(30, seed=seed, apart=1.0)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(24, 24)))[0].astype(np.float32)
    here, there = (gap_record(i, t, (at,)) for i, t in ((image, text), (image @ turn, text @ turn)))
    for name in ("text_variance", "image_variance", "fitted_gap_norm"):
        assert here[name] == pytest.approx(there[name], abs=1e-4)
    for one, two in zip(here["shifts"], there["shifts"], strict=True):
        assert one["gap_norm"] == pytest.approx(two["gap_norm"], abs=1e-4)
        assert one["pair_cosine"]["mean"] == pytest.approx(two["pair_cosine"]["mean"], abs=1e-4)
        apart = [m["linear_separability"]["accuracy"] for m in (one, two)]
        assert apart[0] == pytest.approx(apart[1], abs=0.05)  # one of 60 on the plane may tip over


def test_lambda_0_leaves_the_pairs_and_lambda_1_closes_the_mean_gap_before_renormalisation() -> (
    None
):
    pairs = unit_pairs(*two_modalities())
    gap = pairs.gap()
    same = pairs.at(Shift(0.0, gap))
    torch.testing.assert_close(same.image, pairs.image)
    torch.testing.assert_close(same.text, pairs.text)
    closed = (pairs.image - gap / 2).mean(dim=0) - (pairs.text + gap / 2).mean(dim=0)
    assert float(closed.norm()) < 1e-6 < 0.1 < gap_norm(pairs)
    norms = [gap_norm(pairs.at(Shift(at, gap))) for at in (-1.0, 0.0, 0.5, 1.0)]
    assert norms == sorted(norms, reverse=True) and norms[-1] < 0.1 * norms[1]


def test_the_gap_is_that_of_the_train_pairs_whatever_the_others_are() -> None:
    image, text = two_modalities()
    train = np.arange(60) < 40
    before = gap_record(image, text, (1.0,), train=train, measured=train)
    image[~train] *= -1
    assert gap_record(image, text, (1.0,), train=train, measured=train) == before
    assert gap_record(image, text, (1.0,)) != before


def test_modalities_far_apart_are_told_apart_by_a_plane_and_copies_are_not() -> None:
    image, text = two_modalities(apart=8.0)
    assert linear_separability(unit_pairs(image, text))["accuracy"] == 1.0
    # Copies: in every fold one of the two is right. With a pair torn, the plane learns the other
    # one.
    found = linear_separability(unit_pairs(image, image.copy()))
    assert (found["accuracy"], found["worst_fold"], found["n_pairs"]) == (0.5, 0.5, 60)


def test_pairs_that_share_nothing_are_no_closer_than_strangers() -> None:
    rng = np.random.default_rng(3)
    cosine = pair_cosine(unit_pairs(*rng.normal(size=(2, 2000, 16)).astype(np.float32)))
    assert abs(cosine["mean"] - cosine["unpaired_mean"]) < 0.03
    kin = pair_cosine(unit_pairs(*two_modalities()))
    assert kin["mean"] > kin["unpaired_mean"] + 0.2


# --- Tried wrong --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda i, t: (i[:1], t[:1]), "at least 2 rows with both, got 1 image and 1 text"),
        (lambda i, t: (i, t[:-1]), "got 60 image and 59 text"),
        (lambda i, t: (np.where(np.arange(60)[:, None] == 7, np.nan, i), t), "not finite"),
    ],
)
def test_vectors_that_are_no_pairs_are_refused(changed, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        variance_after_pca(*changed(*two_modalities()))


def test_a_split_without_pairs_is_refused() -> None:
    image, text = two_modalities()
    with pytest.raises(TrainingError, match="0 pairs to measure"):
        gap_record(image, text, (0.0,), measured=np.zeros(60, dtype=bool))
