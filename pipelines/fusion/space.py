"""How far image and text vectors of the same rows lie apart, and how they lie.

Sources: the gap and its measures, Liang et al. 2022, arXiv 2203.02053; the variance after PCA and
the scatter plots, Restrepo et al. 2024, arXiv 2406.02601, and its public code.

Shape letters: N pairs, D_i/D_t widths of raw image and text vectors, W the wider, K components.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits
from torch import Tensor

from pipelines.arrays import Bools, Float32s
from pipelines.errors import TrainingError
from pipelines.fusion.alignment import GapKind, Shift, modality_gap, stretch, unit_normalise

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_SEED = 0


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
    return variance(unit_pairs(image, text))


def variance(pairs: Pairs) -> dict[str, float]:
    """The same of unit pairs."""
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
    return points_of(unit_pairs(image, text), shift, components)


def points_of(pairs: Pairs, shift: Shift, components: int) -> PcaPoints:
    """The same of unit pairs."""
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
