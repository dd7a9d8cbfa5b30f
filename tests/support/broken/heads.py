"""Fused heads that break one promise each, for the tests of the conformance kit."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from pipelines.fusion.heads.base import Block, FusedHead, HeadOutput


class Honest(FusedHead):
    """Breaks none: one block over both vectors."""

    def __init__(self, image_width, text_width, outputs, dropout):
        super().__init__()
        self.block = Block(image_width + text_width, 8, dropout)
        self.output = nn.Linear(8, outputs)

    def hidden(self, image, text, has_image, has_text):
        return self.block(torch.cat([image, text], dim=1), has_image | has_text)

    def forward(self, image, text, has_image, has_text):
        return HeadOutput(self.output(self.hidden(image, text, has_image, has_text)))


class Mixing(Honest):
    """A row is seen against the mean of its batch."""

    def hidden(self, image, text, has_image, has_text):
        return super().hidden(image - image.mean(dim=0), text, has_image, has_text)


class Blind(Honest):
    def hidden(self, image, text, has_image, has_text):
        return super().hidden(image, torch.zeros_like(text), has_image, has_text)


class Undefined(Honest):
    """Divides by how many rows have something."""

    def hidden(self, image, text, has_image, has_text):
        present = has_image | has_text
        share = present.sum() / present.sum()
        return super().hidden(image, text, has_image, has_text) * share


class Raw(Honest):
    """Adds something that does not go through the last layer."""

    def forward(self, image, text, has_image, has_text):
        made = super().forward(image, text, has_image, has_text)
        return HeadOutput(made.logit + image[:, :1])


class Lone(Honest):
    """One logit, however many classes."""

    def forward(self, image, text, has_image, has_text):
        return HeadOutput(super().forward(image, text, has_image, has_text).logit[:, :1])


class Drawing(Honest):
    """Drops out while it answers, too."""

    def hidden(self, image, text, has_image, has_text):
        hidden = super().hidden(image, text, has_image, has_text)
        return nn.functional.dropout(hidden, 0.5, training=True)


class Writing(Honest):
    def hidden(self, image, text, has_image, has_text):
        image += 1
        return super().hidden(image, text, has_image, has_text)


class Forgetting(Honest):
    """Keeps a part of itself outside its state."""

    def __init__(self, image_width, text_width, outputs, dropout):
        super().__init__(image_width, text_width, outputs, dropout)
        self.scale = float(torch.rand(()))

    def hidden(self, image, text, has_image, has_text):
        return super().hidden(image * self.scale, text, has_image, has_text)


MIXING, BLIND, UNDEFINED, RAW = (SimpleNamespace(Head=h) for h in (Mixing, Blind, Undefined, Raw))
LONE, DRAWING, WRITING, FORGETTING = (
    SimpleNamespace(Head=h) for h in (Lone, Drawing, Writing, Forgetting)
)
