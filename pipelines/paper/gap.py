"""How far the image and text vectors of the same rows lie apart, before and after the shift.

Sources: the gap and its measures, Liang et al. 2022, arXiv 2203.02053; the variance after PCA and
the scatter plots, Restrepo et al. 2024, arXiv 2406.02601, and its public code.

Shape letters: N pairs, D_i/D_t widths of raw image and text vectors, W the wider, K components.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from threadpoolctl import threadpool_limits
from torch import Tensor

from pipelines.arrays import Bools, Float32s
from pipelines.errors import TrainingError
from pipelines.fusion.alignment import GapKind, Shift, modality_gap, stretch, unit_normalise

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_FOLDS, _SEED = 5, 0
# More would take minutes over a grid of lambdas and say the same.
_SEPARABILITY_PAIRS = 1000
# With 1, the solver does not converge on a thousand vectors that a plane all but parts.
_SEPARABILITY_C = 0.1


@dataclass(frozen=True)
class Pairs:
    """Vectors of length 1 of the rows that have both modalities, of one width: (N, W) each."""

    image: Tensor
    text: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def take(self, rows: Bools | None) -> Pairs:
        """The pairs of an (N,) mask; all of them for None."""
        if rows is None:
            return self
        chosen = torch.from_numpy(rows)
        return Pairs(self.image[chosen], self.text[chosen])

    def gap(self, kind: GapKind = "vector") -> Tensor:
        """mean(I) - mean(T), (W,), or its length, (1,), for the scalar kind."""
        return modality_gap(self.image, self.text, _every(self.image), kind)

    def at(self, shift: Shift) -> Pairs:
        """The pairs shifted and renormalised."""
        image, text = self.image, self.text
        return Pairs(shift.image(image, _every(image)), shift.text(text, _every(text)))


def _every(vectors: Tensor) -> Tensor:
    return torch.ones(len(vectors), dtype=torch.bool)


def unit_pairs(image: Float32s, text: Float32s) -> Pairs:
    """Pairs of raw (N, D_i) image and (N, D_t) text vectors, as the fused heads read them.

    Each vector is normalised; of two widths the narrower is stretched to the wider by linear
    interpolation and normalised again.

    Raises:
        TrainingError: fewer than two pairs, different counts, or a value that is not finite.
    """
    if len(image) != len(text) or len(image) < 2:
        raise TrainingError(
            f"a gap between modalities needs at least 2 rows with both, got {len(image)} image and "
            f"{len(text)} text vectors",
            fix="give the vectors of the rows that have an image and a text, in the same order",
        )
    if not (np.isfinite(image).all() and np.isfinite(text).all()):
        raise TrainingError(
            "a vector holds a value that is not finite",
            fix="leave out rows whose image or text is missing",
        )
    width = max(image.shape[1], text.shape[1])
    return Pairs(_unit(image, width), _unit(text, width))


def _unit(vectors: Float32s, width: int) -> Tensor:
    raw = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
    unit = unit_normalise(raw, _every(raw))
    return unit if unit.shape[1] == width else unit_normalise(stretch(unit, width), _every(unit))


# --- After PCA ----------------------------------------------------------------------------------
def variance_after_pca(image: Float32s, text: Float32s) -> dict[str, float]:
    """Text and image variance as in the paper's table of data sets: the mean, over the two first
    principal components of both modalities together, of each modality's variance (ddof 0).

    Args:
        image, text: raw (N, D_i) and (N, D_t) vectors of N pairs. Raises TrainingError.
    """
    return _variance(unit_pairs(image, text))


def _variance(pairs: Pairs) -> dict[str, float]:
    pca = _fit_pca(pairs, 2)
    return {
        f"{name}_variance": float(_points(pca, vectors).var(axis=0, dtype=np.float64).mean())
        for name, vectors in (("text", pairs.text), ("image", pairs.image))
    }


@dataclass(frozen=True)
class PcaPoints:
    """Points for a scatter plot before and after a shift, on the same axes.

    Attributes:
        image, text, image_shifted, text_shifted: (N, K) float32.
        explained_share: (K,) share of the variance of the unshifted vectors on each axis.
    """

    image: Float32s
    text: Float32s
    image_shifted: Float32s
    text_shifted: Float32s
    explained_share: tuple[float, ...]


def pca_points(image: Float32s, text: Float32s, shift: Shift, components: int = 3) -> PcaPoints:
    """Points on the principal axes of both modalities together (figures 2 and 3).

    The axes are those of the unshifted vectors in both pictures, so that these can be compared; the
    paper's code fits new axes after every shift, which hides how far the points moved.

    Args:
        image, text: raw (N, D_i) and (N, D_t) vectors of N pairs. Raises TrainingError.
    """
    pairs = unit_pairs(image, text)
    pca, after = _fit_pca(pairs, components), pairs.at(shift)
    return PcaPoints(
        image=_points(pca, pairs.image),
        text=_points(pca, pairs.text),
        image_shifted=_points(pca, after.image),
        text_shifted=_points(pca, after.text),
        explained_share=tuple(map(float, pca.explained_variance_ratio_)),
    )


def _points(pca: PCA, vectors: Tensor) -> Float32s:
    with threadpool_limits(limits=1):
        return np.asarray(pca.transform(vectors.numpy()), dtype=np.float32)


def _fit_pca(pairs: Pairs, components: int) -> PCA:
    both = torch.cat([pairs.text, pairs.image]).numpy()
    solver = "arpack" if components < min(both.shape) else "full"  # the few first axes, exactly
    with threadpool_limits(limits=1):  # other thread counts give other bits
        return PCA(components, svd_solver=solver, random_state=_SEED).fit(both)


# --- In the space itself ------------------------------------------------------------------------
def gap_norm(pairs: Pairs) -> float:
    """||mean(I) - mean(T)||, between 0 and 2."""
    return float(pairs.gap().norm())


def pair_cosine(pairs: Pairs) -> dict[str, Any]:
    """Cosine between the image and the text of one row: mean and quantiles.

    `unpaired_mean` is the mean over all images with texts of other rows: pairs say something about
    each other only as far as they lie above it.
    """
    cosine = (pairs.image * pairs.text).sum(dim=1).double()
    n, every = len(pairs), pairs.image.sum(dim=0).double() @ pairs.text.sum(dim=0).double()
    values = np.quantile(cosine.numpy(), QUANTILES)
    return {
        "mean": float(cosine.mean()),
        "quantiles": {str(q): float(v) for q, v in zip(QUANTILES, values, strict=True)},
        "unpaired_mean": float((every - cosine.sum()) / (n * (n - 1))),
    }


def linear_separability(pairs: Pairs) -> dict[str, Any]:
    """How well a logistic regression tells image from text vectors: cross-validated accuracy.

    1 = a plane parts the modalities; 0.5 or less = no plane does. Below 0.5 comes from a shift that
    was fitted on these very pairs: the means of the folds then balance each other. A pair stays in
    one fold. L2 with C = 0.1 on vectors times sqrt(W), so that a component is of the size of 1; at
    most 1,000 pairs, evenly spaced.
    """
    n_used = min(len(pairs), _SEPARABILITY_PAIRS)
    rows = np.linspace(0, len(pairs) - 1, n_used).round().astype(np.int64)
    both = torch.cat([pairs.image[rows], pairs.text[rows]]).numpy()
    is_text, pair = np.repeat([0, 1], n_used), np.tile(np.arange(n_used), 2)
    folds = GroupKFold(min(_FOLDS, n_used), shuffle=True, random_state=_SEED)
    classifier = LogisticRegression(C=_SEPARABILITY_C, max_iter=1000)
    scaled = both * np.float32(np.sqrt(both.shape[1]))
    with threadpool_limits(limits=1):  # faster, too: each fit takes milliseconds
        accuracy = cross_val_score(classifier, scaled, is_text, groups=pair, cv=folds)
    return {
        "accuracy": float(accuracy.mean()),
        "worst_fold": float(accuracy.min()),
        "best_fold": float(accuracy.max()),
        "n_pairs": n_used,
    }


# --- The whole record ---------------------------------------------------------------------------
def gap_record(
    image: Float32s,
    text: Float32s,
    lambdas: Sequence[float],
    kind: GapKind = "vector",
    train: Bools | None = None,
    measured: Bools | None = None,
) -> dict[str, Any]:
    """Every measure at every lambda, JSON-able; `fitted_on_measured` says whether any pair that is
    measured took part in the gap: then separability may fall below 0.5.

    Args:
        image, text: raw (N, D_i) and (N, D_t) vectors of N pairs.
        lambdas: shifts to measure; 0, the vectors as they are, is always among them.
        train: (N,) pairs that the gap is estimated on; None = all, as the paper's code does.
        measured: (N,) pairs that are measured, such as the test rows; None = all.

    Raises:
        TrainingError: fewer than two pairs to fit or to measure, or a value that is not finite.
    """
    pairs = unit_pairs(image, text)
    fitted, seen = pairs.take(train), pairs.take(measured)
    for what, some in (("estimate the gap on", fitted), ("measure", seen)):
        if len(some) < 2:
            raise TrainingError(
                f"{len(some)} pairs to {what}", fix="choose at least 2 rows with image and text"
            )
    gap = fitted.gap(kind)
    widths = {"image_width": image.shape[1], "text_width": text.shape[1]}
    narrow = min(widths, key=lambda name: widths[name]).removesuffix("_width")
    return {
        "n_pairs": len(seen),
        "n_pairs_fitted": len(fitted),
        "fitted_on_measured": bool((_mask(train, pairs) & _mask(measured, pairs)).any()),
        "gap_kind": kind,
        **widths,
        "stretched": narrow if len(set(widths.values())) > 1 else None,
        "fitted_gap_norm": gap_norm(fitted),
        **_variance(seen),
        "shifts": [
            _measures(seen, Shift(at, gap, kind)) for at in sorted({0.0, *map(float, lambdas)})
        ],
    }


def _mask(rows: Bools | None, pairs: Pairs) -> Bools:
    return np.ones(len(pairs), dtype=bool) if rows is None else rows


def _measures(pairs: Pairs, shift: Shift) -> dict[str, Any]:
    after = pairs.at(shift)
    return {
        "lambda_shift": shift.lambda_shift,
        "gap_norm": gap_norm(after),
        "pair_cosine": pair_cosine(after),
        "linear_separability": linear_separability(after),
    }
