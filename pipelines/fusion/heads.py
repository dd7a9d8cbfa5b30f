"""The fused heads: early and late-joint fusion of an image and a text vector.

Belongs here: the networks, their masked BatchNorm and the loss terms. Does not belong here: the
alignment of their inputs (alignment.py), the linear head (linear.py) or the loop (training).

Source: Restrepo et al. 2024, arXiv 2406.02601, section "Fusion"; widths from its public code.

Shape letters: B rows, D_i/D_t image and text width, F hidden width, C outputs. A new head is one
class here and one line in `build_head`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from pipelines.fusion.alignment import alignment_loss

FusedKind = Literal["early", "late_joint"]
EARLY_WIDTH, BRANCH_WIDTH = 128, 64


@dataclass(frozen=True)
class HeadOutput:
    """logit (B, C); branches (B, F) only of the late-joint head."""

    logit: Tensor
    image_branch: Tensor | None = None
    text_branch: Tensor | None = None


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
            present, self.running_mean, self.running_var, self.weight, self.bias,
            training=own, momentum=self.momentum, eps=self.eps,
        )  # fmt: skip


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


class EarlyHead(nn.Module):
    """concat (B, D_t + D_i) -> block 128 -> Linear C. Rows with one modality carry zeros for the other."""

    def __init__(self, image_width: int, text_width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.block = Block(text_width + image_width, EARLY_WIDTH, dropout)
        self.output = nn.Linear(EARLY_WIDTH, outputs)

    def forward(
        self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor
    ) -> HeadOutput:
        """Vectors (B, D) and masks (B,) to logits (B, C)."""
        joined = torch.cat([text, image], dim=1)  # (B, D_t + D_i)
        return HeadOutput(self.output(self.block(joined, has_image | has_text)))


class LateJointHead(nn.Module):
    """A block of 64 for each modality; concat (B, 128) -> Linear C. Masked for each branch."""

    def __init__(self, image_width: int, text_width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.image = Block(image_width, BRANCH_WIDTH, dropout)
        self.text = Block(text_width, BRANCH_WIDTH, dropout)
        self.output = nn.Linear(2 * BRANCH_WIDTH, outputs)

    def forward(
        self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor
    ) -> HeadOutput:
        """Vectors (B, D) and masks (B,) to logits (B, C) and both branches (B, 64)."""
        of_image, of_text = self.image(image, has_image), self.text(text, has_text)
        joined = torch.cat([of_text, of_image], dim=1)  # (B, 128)
        return HeadOutput(self.output(joined), of_image, of_text)


def build_head(
    kind: FusedKind,
    image_width: int,
    text_width: int,
    outputs: int = 1,
    dropout: float = 0.0,
    zero_output: bool = True,
) -> EarlyHead | LateJointHead:
    """A head with PyTorch's default initialisation.

    Args:
        zero_output: start with an output of exactly zero, as a residual on the linear logit needs
            (the dengue profile); False is the paper's head.
    """
    head = (EarlyHead if kind == "early" else LateJointHead)(
        image_width, text_width, outputs, dropout
    )
    if zero_output:
        nn.init.zeros_(head.output.weight)
        nn.init.zeros_(head.output.bias)
    return head


@dataclass(frozen=True)
class LossTerms:
    """Named terms of the loss; each is a scalar tensor."""

    classification: Tensor
    alignment: Tensor
    total: Tensor


def loss_terms(
    logit: Tensor,
    label: Tensor,
    output: HeadOutput,
    paired: Tensor,
    alignment_weight: float,
    class_weight: Tensor | None = None,
) -> LossTerms:
    """Binary or multi-class cross-entropy plus the weighted L_reg.

    Args:
        logit: (B, C) of the whole model (residual included); C = 1 is binary.
        label: (B,) 0/1 floats if binary, class indices otherwise.
        output: of the head; L_reg exists only where it has branches.
        paired: (B,) rows with both modalities.
        class_weight: (1,) weight of positives if binary, else (C,); the paper protocol only.
    """
    if logit.shape[1] == 1:
        classification = functional.binary_cross_entropy_with_logits(
            logit[:, 0], label, pos_weight=class_weight
        )
    else:
        classification = functional.cross_entropy(logit, label, weight=class_weight)
    alignment = logit.new_zeros(())
    if output.image_branch is not None and output.text_branch is not None:
        alignment = alignment_loss(output.text_branch, output.image_branch, paired)
    return LossTerms(classification, alignment, classification + alignment_weight * alignment)
