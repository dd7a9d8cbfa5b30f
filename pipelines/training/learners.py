"""What the loop trains: one head on shifted vectors, or a stack that differs in lambda alone.

Both see rows once, answer with log odds, and have a loss for each model. Shape letters: M rows with
at least one modality, B batch, C outputs, L models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from pipelines.fusion.alignment import Shift, shift_scale
from pipelines.fusion.heads import (
    FusedHead,
    HeadOutput,
    LossTerms,
    Moved,
    StackedOutput,
    loss_terms,
    stacked_loss_terms,
)
from pipelines.training.rows import FusedRows


@dataclass(frozen=True)
class Task:
    """What the head's logits are: by default one residual on frozen log odds.

    Attributes:
        outputs: C; 1 is binary.
        residual: the output layer starts at zero, so that epoch 0 is the base; False is the
            paper's head, which stands alone.
        class_weight: (1,) weight of positives if binary, else (C,); the paper's protocol only.
    """

    outputs: int = 1
    residual: bool = True
    class_weight: tuple[float, ...] | None = None

    @property
    def weight(self) -> Tensor | None:
        """The class weights as the loss takes them."""
        return None if self.class_weight is None else torch.tensor(self.class_weight)


DENGUE = Task()


class Rows(Protocol):
    """Rows as a learner reads them."""

    def take(self, chosen: Tensor) -> Self:
        """The rows chosen by an index tensor."""


Seen = TypeVar("Seen", bound=Rows)


class Learner(Protocol[Seen]):
    """What one loop trains.

    Attributes:
        fused: AdamW takes a step in one kernel. Its last bits are others, so that a head that is
            kept does without.
    """

    fused: ClassVar[bool]

    @property
    def module(self) -> nn.Module:
        """Whose parameters are trained."""

    def see(self, rows: FusedRows) -> Seen:
        """Rows with clean vectors, shifted: made once where nothing changes them."""

    def logit(self, seen: Seen) -> Tensor:
        """(B, C) of one head, (B, L) of a stack, on top of the frozen log odds."""

    def loss(self, seen: Seen, alignment_weight: float) -> LossTerms:
        """Terms, (L,) each of a stack; no model's depend on another's."""


@dataclass(frozen=True)
class OneHead:
    """A head on vectors that are shifted before it reads them."""

    module: FusedHead
    shift: Shift
    weight: Tensor | None
    fused: ClassVar[bool] = False

    def see(self, rows: FusedRows) -> FusedRows:
        """The rows with shifted, renormalised vectors."""
        return rows.shifted(self.shift)

    def logit(self, seen: FusedRows) -> Tensor:
        """(B, C)"""
        return self._forward(seen)[1]

    def loss(self, seen: FusedRows, alignment_weight: float) -> LossTerms:
        """Scalar terms."""
        output, logit = self._forward(seen)
        return loss_terms(logit, seen.label, output, seen.paired, alignment_weight, self.weight)

    def _forward(self, seen: FusedRows) -> tuple[HeadOutput, Tensor]:
        output: HeadOutput = self.module(seen.image, seen.text, seen.has_image, seen.has_text)
        return output, output.logit + seen.base_logit[:, None]


@dataclass(frozen=True)
class MovedRows:
    """Rows with clean vectors, and one over their lengths after each shift, (M, L) each."""

    rows: FusedRows
    image_scale: Tensor
    text_scale: Tensor

    def take(self, chosen: Tensor) -> MovedRows:
        """The rows chosen by an index tensor."""
        return MovedRows(self.rows.take(chosen), self.image_scale[chosen], self.text_scale[chosen])


@dataclass(frozen=True)
class StackedHeads:
    """L binary heads of one kind, each on its own shift along one gap."""

    module: nn.Module
    gap: Tensor
    image_share: Tensor
    text_share: Tensor
    fused: ClassVar[bool] = True

    @classmethod
    def of(cls, module: nn.Module, shifts: Sequence[Shift], width: int) -> StackedHeads:
        """Over the shifts given, whose gap is one."""
        image = torch.tensor([shift.image_share for shift in shifts])
        text = torch.tensor([shift.text_share for shift in shifts])
        return cls(module, shifts[0].gap.expand(width), image, text)

    def see(self, rows: FusedRows) -> MovedRows:
        """The rows with the lengths that their vectors will have."""
        return MovedRows(
            rows,
            shift_scale(rows.image, rows.has_image, self.gap, self.image_share),
            shift_scale(rows.text, rows.has_text, self.gap, self.text_share),
        )

    def logit(self, seen: MovedRows) -> Tensor:
        """(B, L)"""
        return self._forward(seen)[1]

    def loss(self, seen: MovedRows, alignment_weight: float) -> LossTerms:
        """Terms (L,) each."""
        output, logit = self._forward(seen)
        rows = seen.rows
        return stacked_loss_terms(logit, rows.label, output, rows.paired, alignment_weight)

    def _forward(self, seen: MovedRows) -> tuple[StackedOutput, Tensor]:
        rows = seen.rows
        output: StackedOutput = self.module(
            Moved(rows.image, rows.has_image, self.gap, self.image_share, seen.image_scale),
            Moved(rows.text, rows.has_text, self.gap, self.text_share, seen.text_scale),
        )
        return output, output.logit + rows.base_logit[:, None]
