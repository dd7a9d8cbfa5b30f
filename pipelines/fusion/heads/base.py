"""What every fused head is made of: its base class, the masked block, and what it gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor, nn


@dataclass(frozen=True)
class HeadOutput:
    """logit (B, C); branches (B, F) only of the late-joint head."""

    logit: Tensor
    image_branch: Tensor | None = None
    text_branch: Tensor | None = None


class FusedHead(nn.Module, ABC):
    """A head that fuses an image and a text vector; `output` is its last layer.

    Rows that lack a modality carry zeros for it; a row's mask says which ones it has.
    """

    output: nn.Linear

    @abstractmethod
    def forward(
        self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor
    ) -> HeadOutput:
        """Vectors (B, D) and masks (B,) to logits (B, C)."""


class MaskedBatchNorm(nn.Module):
    """BatchNorm over the rows that are present; missing rows come out as zero.

    A batch with fewer than two such rows has no variance of its own and uses the running one.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))
        self.momentum, self.eps = momentum, eps

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, F) normalised values, exactly zero where the (B,) mask does not hold."""
        count = int(mask.sum())
        if count == len(x):
            return self._normalise(x)
        out = x.new_zeros(x.shape)
        return out.index_put((mask,), self._normalise(x[mask])) if count else out

    def _normalise(self, present: Tensor) -> Tensor:
        own = self.training and len(present) > 1
        return functional.batch_norm(
            present,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=own,
            momentum=self.momentum,
            eps=self.eps,
        )


class Block(nn.Module):
    """Linear, ReLU, Dropout, masked BatchNorm."""

    def __init__(self, width_in: int, width_out: int, dropout: float) -> None:
        super().__init__()
        self.linear, self.dropout = nn.Linear(width_in, width_out), nn.Dropout(dropout)
        self.norm = MaskedBatchNorm(width_out)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, D) -> (B, F), exactly zero where masked."""
        out: Tensor = self.norm(self.dropout(functional.relu(self.linear(x))), mask)
        return out
