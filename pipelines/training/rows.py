"""The rows that a fused head is trained on and watched on, as tensors made once.

Shape letters: M rows with at least one modality, N rows of the Examples, W width after stretching.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pipelines.arrays import Float64s, Int64s
from pipelines.fusion.alignment import GapKind, Shift, add_noise, modality_gap
from pipelines.fusion.big_tensors import by_block, gather
from pipelines.fusion.examples import Examples
from pipelines.fusion.tensors import unit_vectors


@dataclass(frozen=True)
class FusedRows:
    """Rows with at least one modality, as tensors made once.

    Attributes:
        at: (M,) their positions in the Examples they came from.
        image, text: (M, W) unit vectors, zero where missing; unshifted ones may differ in width.
        has_image, has_text: (M,) masks.
        base_logit: (M,) frozen log odds of the base; zeros where a head stands alone.
        label: (M,) known 0/1 floats, or class indices.
    """

    at: Int64s
    image: Tensor
    text: Tensor
    has_image: Tensor
    has_text: Tensor
    base_logit: Tensor
    label: Tensor

    def __len__(self) -> int:
        return len(self.label)

    @property
    def paired(self) -> Tensor:
        """(M,) rows with both modalities."""
        return self.has_image & self.has_text

    def take(self, chosen: Tensor) -> FusedRows:
        """The rows chosen by an index or a mask tensor."""
        return FusedRows(
            self.at[chosen.numpy()],
            gather(self.image, chosen),
            gather(self.text, chosen),
            *(getattr(self, n)[chosen] for n in ("has_image", "has_text", "base_logit", "label")),
        )

    def with_logit(self, base_logit: Float64s) -> FusedRows:
        """The same rows over other (N,) log odds of all Examples."""
        logit = torch.from_numpy(base_logit[self.at].astype(np.float32))
        return replace(self, base_logit=logit)

    def shifted(self, shift: Shift) -> FusedRows:
        """The same rows with shifted, renormalised vectors."""
        image, text = (
            by_block(partial(_moved, move, vectors, mask), len(vectors), vectors.shape[1], vectors)
            for move, vectors, mask in (
                (shift.image, self.image, self.has_image),
                (shift.text, self.text, self.has_text),
            )
        )
        return replace(self, image=image, text=text)

    def with_noise(self, sigma: float, generator: torch.Generator) -> FusedRows:
        """The same rows with noise on every vector that is there; themselves for none."""
        image = add_noise(self.image, self.has_image, sigma, generator)
        text = add_noise(self.text, self.has_text, sigma, generator)
        return replace(self, image=image, text=text)


def fused_rows(examples: Examples) -> FusedRows:
    """Rows with a known label and at least one modality; base logits are zero until set."""
    chosen = np.isfinite(examples.label) & (examples.image.mask | examples.text.mask)
    at = np.flatnonzero(chosen)
    rows = examples.take(at)
    width = max(examples.image.width, examples.text.width)
    image, has_image = unit_vectors(rows.image, width)
    text, has_text = unit_vectors(rows.text, width)
    label = torch.from_numpy(rows.label.astype(np.float32))
    return FusedRows(at, image, text, has_image, has_text, torch.zeros(len(at)), label)


def train_gap(rows: FusedRows, kind: GapKind = "vector") -> Tensor:
    """(W,) gap, or (1,) if scalar, over the clean pairs of these training rows."""
    return modality_gap(rows.image, rows.text, rows.paired, kind)


def _moved(
    move: Callable[[Tensor, Tensor], Tensor], vectors: Tensor, mask: Tensor, part: slice
) -> Tensor:
    return move(vectors[part], mask[part])
