"""Models of one head that differ in the shift of their vectors alone, computed together.

A shifted and renormalised vector is (x + m g) s: x the clean one, g the gap, m the model's share of
it, s one over the length. Its product with the model's weights is (x W + m (g W)) s, so that all
models read the clean vectors once and none has a copy of its own.

Shape letters: B rows, D vector width, L models, F hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from pipelines.fusion.heads.base import Block, MaskedBatchNorm


@dataclass(frozen=True)
class Moved:
    """The vectors of a modality, and what each model's shift makes of them.

    Attributes:
        vectors: (B, D) before the shift, zero where missing.
        mask: (B,) which are there.
        gap: (D,)
        share: (L,) of the gap that each model adds.
        scale: (B, L) one over the length afterwards; zero where missing.
    """

    vectors: Tensor
    mask: Tensor
    gap: Tensor
    share: Tensor
    scale: Tensor


@dataclass(frozen=True)
class StackedOutput:
    """logit (B, L); branches (B, L, F) only of a head that has them."""

    logit: Tensor
    image_branch: Tensor | None = None
    text_branch: Tensor | None = None


class StackedLinear(nn.Module):
    """What L equal layers without bias make of one modality, each of its own shifted vectors."""

    def __init__(self, weight: Tensor, models: int) -> None:
        super().__init__()
        self.models = models
        self.weight = nn.Parameter(weight.detach().repeat(models, 1))  # (L F, D)

    def forward(self, moved: Moved) -> Tensor:
        """(B, L, F), exactly zero where the vector is missing."""
        # The gap rides along as one more row, which spares a second pass over the weights.
        rows = torch.cat([moved.vectors, moved.gap[None]])
        every = _product(rows, self.weight).view(len(rows), self.models, -1)
        clean, gap = every.split([len(moved.vectors), 1])
        out: Tensor = (clean + moved.share[:, None] * gap) * moved.scale[:, :, None]
        return out


class StackedBlock(nn.Module):
    """What follows the products of L equal blocks: bias, ReLU, Dropout, masked BatchNorm."""

    def __init__(self, block: Block, models: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(block.linear.bias.detach().repeat(models, 1))  # (L, F)
        self.norm = MaskedBatchNorm(self.bias.numel())
        self.dropout = block.dropout

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(B, L, F) to the same, exactly zero where the (B,) mask does not hold."""
        out = functional.relu(hidden + self.bias)
        if self.dropout.p:  # the same units for every model, as if each were trained alone
            out = out * self.dropout(out.new_ones(len(out), 1, out.shape[2]))
        normed: Tensor = self.norm(out.flatten(1), mask)
        return normed.view(out.shape)


class StackedOutputLayer(nn.Module):
    """The last layers of L equal heads with one output each."""

    def __init__(self, output: nn.Linear, models: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(output.weight.detach().repeat(models, 1))  # (L, F)
        self.bias = nn.Parameter(output.bias.detach().repeat(models))  # (L,)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, L, F) to (B, L)."""
        return (hidden * self.weight).sum(dim=2) + self.bias


def _product(rows: Tensor, weight: Tensor) -> Tensor:
    """(B, D) times (L F, D), by oneDNN where torch has it: MKL leaves half of an AMD processor's
    vector width unused."""
    if not torch.backends.mkldnn.is_available():
        return functional.linear(rows, weight)
    return functional.linear(rows.to_mkldnn(), weight).to_dense()
