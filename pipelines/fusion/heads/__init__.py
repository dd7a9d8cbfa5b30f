"""The fused heads, one file each; a new one is a class `Head` in a new file and one line in
contracts.FUSED_HEADS.

Source: Restrepo et al. 2024, arXiv 2406.02601, section "Fusion"; widths from its public code.

Shape letters: B rows, D_i/D_t image and text width, F hidden width, C outputs.
"""

from __future__ import annotations

import torch
from torch import nn

from pipelines.contracts import FUSED_HEADS, FusedKind
from pipelines.errors import TrainingError
from pipelines.fusion.heads.base import Block, FusedHead, HeadOutput, MaskedBatchNorm
from pipelines.fusion.heads.loss import LossTerms, loss_terms, stacked_loss_terms
from pipelines.fusion.heads.stacked import Moved, StackedOutput

__all__ = [
    "Block",
    "FusedHead",
    "FusedKind",
    "HeadOutput",
    "LossTerms",
    "MaskedBatchNorm",
    "Moved",
    "StackedOutput",
    "build_head",
    "build_stack",
    "can_stack",
    "has_branches",
    "loss_terms",
    "stacked_loss_terms",
]


def build_head(
    kind: FusedKind,
    image_width: int,
    text_width: int,
    outputs: int = 1,
    dropout: float = 0.0,
    zero_output: bool = True,
) -> FusedHead:
    """A head with PyTorch's default initialisation.

    Args:
        zero_output: start with an output of exactly zero, as a residual on the linear logit needs
            (the dengue profile); False is the paper's head.

    Raises:
        TrainingError: no head has that name.
        ConfigError: what the name stands for cannot be imported.
    """
    if kind not in FUSED_HEADS:
        raise TrainingError(f"no fused head {kind!r}", fix=f"use one of {sorted(FUSED_HEADS)}")
    head: FusedHead = FUSED_HEADS.load(kind).Head(image_width, text_width, outputs, dropout)
    if zero_output:
        nn.init.zeros_(head.output.weight)
        nn.init.zeros_(head.output.bias)
    return head


def can_stack(kind: FusedKind) -> bool:
    """Whether a head has a `Stack`: several models as one computation, see stacked.py. Such a head
    draws no random numbers but for its first weights and dropout."""
    return hasattr(FUSED_HEADS.load(kind), "Stack")


def build_stack(kind: FusedKind, head: FusedHead, models: int) -> nn.Module:
    """Models of a head that can be stacked; they start as this one does."""
    stack: nn.Module = FUSED_HEADS.load(kind).Stack(head, models)
    return stack


def has_branches(kind: FusedKind) -> bool:
    """Whether L_reg acts on a head: it gives the outputs of two branches."""
    with torch.random.fork_rng(devices=[]):
        head = build_head(kind, 2, 2).eval()
    nothing, absent = torch.zeros(1, 2), torch.zeros(1, dtype=torch.bool)
    with torch.no_grad():
        output: HeadOutput = head(nothing, nothing, absent, absent)
    return output.image_branch is not None and output.text_branch is not None
