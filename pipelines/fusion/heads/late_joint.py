"""Late-joint fusion: a block for each modality, joined before the last layer; L_reg acts here."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.fusion.heads.base import Block, FusedHead, HeadOutput
from pipelines.fusion.heads.stacked import (
    Moved,
    StackedBlock,
    StackedLinear,
    StackedOutput,
    StackedOutputLayer,
)

BRANCH_WIDTH = 64


class Head(FusedHead):
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


class Stack(nn.Module):
    """L such heads that start alike, each on its own shifted vectors."""

    def __init__(self, head: Head, models: int) -> None:
        super().__init__()
        self.text = StackedLinear(head.text.linear.weight, models)
        self.image = StackedLinear(head.image.linear.weight, models)
        self.text_block = StackedBlock(head.text, models)
        self.image_block = StackedBlock(head.image, models)
        self.output = StackedOutputLayer(head.output, models)

    def forward(self, image: Moved, text: Moved) -> StackedOutput:
        """Vectors of B rows to logits (B, L) and both branches (B, L, 64)."""
        of_image = self.image_block(self.image(image), image.mask)
        of_text = self.text_block(self.text(text), text.mask)
        joined = torch.cat([of_text, of_image], dim=2)  # (B, L, 128)
        return StackedOutput(self.output(joined), of_image, of_text)
