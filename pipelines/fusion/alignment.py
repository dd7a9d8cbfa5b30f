"""Bringing image and text vectors together: normalise, noise, shift by the gap, renormalise.

Source: Restrepo et al. 2024, arXiv 2406.02601, equations of section "Embedding alignment"; the
vector gap follows its public code and Liang et al. 2022, arXiv 2203.02053.

Shape letters: B rows, D vector width, W the wider of two widths. A missing vector is masked before
anything is computed from it (`torch.where` first: NaN * 0 is NaN) and stays exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from pipelines.contracts import GapKind
from pipelines.fusion.big_tensors import mean_of

_SMALLEST_NORM = 1e-12


def unit_normalise(vectors: Tensor, mask: Tensor) -> Tensor:
    """(B, D) vectors of length 1 where the (B,) mask holds, exactly zero elsewhere.

    A present vector of length zero stays zero: it has no direction.
    """
    present = torch.where(mask[:, None], vectors, torch.zeros_like(vectors))
    return functional.normalize(present, dim=1, eps=_SMALLEST_NORM)


def stretch(vectors: Tensor, width: int) -> Tensor:
    """(B, W) vectors stretched along the feature axis by linear interpolation, ends on ends."""
    if vectors.shape[1] == width:
        return vectors
    if not len(vectors):  # interpolate refuses an empty batch
        return vectors.new_zeros((0, width))
    wide = functional.interpolate(
        vectors[:, None, :], size=width, mode="linear", align_corners=True
    )
    return wide[:, 0, :]


def add_noise(
    vectors: Tensor, mask: Tensor, sigma: float, generator: torch.Generator | None = None
) -> Tensor:
    """Add N(0, sigma^2) to every component of the vectors that are present; training only.

    sigma = 1 is the paper's printed value; in 500 and more dimensions it drowns the signal.
    """
    if sigma == 0.0:
        return vectors
    noise = torch.randn(vectors.shape, generator=generator, dtype=vectors.dtype) * sigma
    return vectors + torch.where(mask[:, None], noise, torch.zeros_like(noise))


def modality_gap(image: Tensor, text: Tensor, paired: Tensor, kind: GapKind = "vector") -> Tensor:
    """Gap between the modalities over the pairs: mean(I) - mean(T), (D,).

    Args:
        image, text: (B, D) clean unit vectors of TRAINING rows, of equal width.
        paired: (B,) True where both are present; other rows do not count.
        kind: "vector", or "scalar": the length of that vector, (1,), as the paper prints it.

    Returns zeros if there is no pair: without pairs there is nothing to close.
    """
    if not bool(paired.any()):
        return image.new_zeros(image.shape[1] if kind == "vector" else 1)
    gap = mean_of(image, paired) - mean_of(text, paired)
    return gap if kind == "vector" else gap.norm()[None]


@dataclass(frozen=True)
class Shift:
    """A fitted shift: what training estimated once and inference applies unchanged.

    Attributes:
        lambda_shift: 0 leaves the vectors, 1 closes the mean gap before renormalisation,
            negative values widen it.
        gap: (D,) for the vector kind, (1,) for the scalar one.
        kind: "vector": T + lambda/2 gap and I - lambda/2 gap, as the public code does;
            "scalar": both minus lambda/2 gap, as the paper prints.
    """

    lambda_shift: float
    gap: Tensor
    kind: GapKind = "vector"

    @property
    def image_share(self) -> float:
        """Of the gap, added to image vectors."""
        return -self.lambda_shift / 2

    @property
    def text_share(self) -> float:
        """Of the gap, added to text vectors."""
        return self.lambda_shift / 2 if self.kind == "vector" else -self.lambda_shift / 2

    def image(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """(B, D) shifted and renormalised image vectors, exactly zero where masked."""
        return unit_normalise(vectors + self.image_share * self.gap, mask)

    def text(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """(B, D) shifted and renormalised text vectors, exactly zero where masked."""
        return unit_normalise(vectors + self.text_share * self.gap, mask)


def shift_scale(vectors: Tensor, mask: Tensor, gap: Tensor, share: Tensor) -> Tensor:
    """(B, L) one over the lengths of vectors that were moved; exactly zero where masked.

    Args:
        gap: (D,)
        share: (L,) of the gap that is added, one for each model of a stack.

    Three sums a vector serve every share: |x + m g|^2 = |x|^2 + 2 m x g + m^2 |g|^2. They are made
    in 64 bits, because a large share may leave little of a vector.
    """
    x, g, m = vectors.double(), gap.double(), share.double()
    square = (
        x.square().sum(dim=1)[:, None] + 2 * (x @ g)[:, None] * m + m.square() * g.square().sum()
    )
    scale = 1.0 / square.clamp(min=0.0).sqrt().clamp(min=_SMALLEST_NORM)
    return torch.where(mask[:, None], scale, 0.0).to(vectors.dtype)


# Leaves vectors where they are, of two widths too; what noise moved is renormalised all the same.
UNSHIFTED = Shift(0.0, torch.zeros(1), "scalar")


def alignment_loss(text_branch: Tensor, image_branch: Tensor, paired: Tensor) -> Tensor:
    """L_reg = 1/(2N) sum_j ||T'_j - I'_j||^2 over the N rows that have both; 0 without any.

    Args:
        text_branch, image_branch: (B, F) outputs of the two late-joint branches.
        paired: (B,) True where both modalities are present.
    """
    difference = torch.where(paired[:, None], text_branch - image_branch, text_branch.new_zeros(()))
    return difference.square().sum() / (2 * paired.sum().clamp(min=1))
