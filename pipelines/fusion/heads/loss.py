"""The loss of a fused head as named terms.

Shape letters: B rows, C outputs, L models of a stack, F branch width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from pipelines.fusion.alignment import alignment_loss
from pipelines.fusion.heads.base import HeadOutput
from pipelines.fusion.heads.stacked import StackedOutput


@dataclass(frozen=True)
class LossTerms:
    """Named terms of the loss; each is a scalar tensor, or (L,) of a stack."""

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


def stacked_loss_terms(
    logit: Tensor, label: Tensor, output: StackedOutput, paired: Tensor, alignment_weight: float
) -> LossTerms:
    """The same of each of L binary heads.

    Args:
        logit: (B, L) of the whole models.
        label: (B,) 0/1 floats.
    """
    each = functional.binary_cross_entropy_with_logits(
        logit, label[:, None].expand_as(logit), reduction="none"
    )
    classification, alignment = each.mean(dim=0), logit.new_zeros(logit.shape[1])
    if output.image_branch is not None and output.text_branch is not None:
        apart = torch.where(paired[:, None, None], output.text_branch - output.image_branch, 0.0)
        alignment = apart.square().sum(dim=(0, 2)) / (2 * paired.sum().clamp(min=1))
    return LossTerms(classification, alignment, classification + alignment_weight * alignment)
