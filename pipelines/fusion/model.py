"""The fused residual of one horizon: what vectors add to the base's log odds.

Training, evaluation and serving all use it. NumPy alone, but for heads that only torch can run.

Shape letters: N rows, M rows with at least one modality, D_i/D_t widths, W the wider of them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipelines.arrays import Bools, Float32s, Float64s
from pipelines.contracts import FusedKind, GapKind
from pipelines.fusion.by_torch import needs_torch
from pipelines.fusion.examples import Examples
from pipelines.fusion.plain import FORWARDS, Forward, aligned, one_thread

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FusedModel:
    """A fused residual on frozen tabular log odds.

    Attributes:
        width: W, of the stretched vectors the head reads.
        gap: (W,) or (1,), estimated on clean training pairs.
        state: the head's parameters and buffers by name.
    """

    kind: FusedKind
    image_width: int
    text_width: int
    width: int
    lambda_shift: float
    gap: Float32s
    state: Mapping[str, Float32s]
    gap_kind: GapKind = "vector"

    @cached_property
    def _forward(self) -> Forward:
        if self.kind in FORWARDS:
            return FORWARDS[self.kind](self.state)
        log.info("the head %s is run by torch: it has no forward pass in NumPy", self.kind)
        return self._by_torch

    def _by_torch(self, image: Float32s, text: Float32s, has: tuple[Bools, Bools]) -> Float32s:
        with needs_torch(self.kind):
            from pipelines.fusion.tensors import logits_by_torch
        return logits_by_torch(self.kind, self.state, image, text, has)

    @cached_property
    def _moves(self) -> tuple[Float32s, Float32s]:
        """What lambda adds to unit vectors of images and of texts."""
        half = np.float32(self.lambda_shift / 2) * self.gap
        return -half, half if self.gap_kind == "vector" else -half

    def residual(self, examples: Examples) -> Float64s:
        """(N,) what the vectors add to the base's log odds; exactly 0 for a row without any."""
        out = np.zeros(len(examples), dtype=np.float64)
        has_any = examples.image.mask | examples.text.mask
        if not has_any.any():
            return out
        rows = examples if has_any.all() else examples.take(has_any)  # M rows
        by_image, by_text = self._moves
        with one_thread():
            image = aligned(rows.image, self.width, by_image)
            text = aligned(rows.text, self.width, by_text)
            logit = self._forward(image, text, (rows.image.mask, rows.text.mask))
        out[has_any] = logit[:, 0].astype(np.float64)
        return out
