"""Early fusion: one block over both vectors side by side."""

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

WIDTH = 128


class Head(FusedHead):
    """concat (B, D_t + D_i) -> block 128 -> Linear C. Rows with one modality carry zeros for the
    other.
    """

    def __init__(self, image_width: int, text_width: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.text_width = text_width
        self.block = Block(text_width + image_width, WIDTH, dropout)
        self.output = nn.Linear(WIDTH, outputs)

    def forward(
        self, image: Tensor, text: Tensor, has_image: Tensor, has_text: Tensor
    ) -> HeadOutput:
        """Vectors (B, D) and masks (B,) to logits (B, C)."""
        joined = torch.cat([text, image], dim=1)  # (B, D_t + D_i)
        return HeadOutput(self.output(self.block(joined, has_image | has_text)))


class Stack(nn.Module):
    """L such heads that start alike, each on its own shifted vectors."""

    def __init__(self, head: Head, models: int) -> None:
        super().__init__()
        weight, text_width = head.block.linear.weight, head.text_width
        self.text = StackedLinear(weight[:, :text_width], models)
        self.image = StackedLinear(weight[:, text_width:], models)
        self.block = StackedBlock(head.block, models)
        self.output = StackedOutputLayer(head.output, models)

    def forward(self, image: Moved, text: Moved) -> StackedOutput:
        """Vectors of B rows to logits (B, L)."""
        hidden = self.text(text) + self.image(image)
        return StackedOutput(self.output(self.block(hidden, image.mask | text.mask)))
