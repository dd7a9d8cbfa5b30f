"""The loss of a fused head as named terms."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as functional
from torch import Tensor

from pipelines.fusion.alignment import alignment_loss
from pipelines.fusion.heads.base import HeadOutput


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
