"""The fused residual of one horizon: what vectors add to the log odds of its base.

Training, evaluation and serving all use it.

Shape letters: N rows, M rows with at least one modality, D_i/D_t widths, W the wider of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from pipelines.arrays import Float32s, Float64s
from pipelines.fusion.alignment import GapKind, Shift, stretch, unit_normalise
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.fusion.heads import FusedHead, FusedKind, build_head


@contextmanager
def reproducible(threads: int, seed: int = 0) -> Iterator[None]:
    """Fixed threads, fixed generator and deterministic algorithms inside; as before outside."""
    before_threads = torch.get_num_threads()
    before_strict = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(before_threads)
            torch.use_deterministic_algorithms(before_strict)


def unit_vectors(vectors: ModalityVectors, width: int) -> tuple[Tensor, Tensor]:
    """(N, W) vectors normalised, stretched and normalised again, zero where missing; (N,) mask."""
    table = torch.from_numpy(np.ascontiguousarray(vectors.table, dtype=np.float32))
    every = torch.ones(len(table), dtype=torch.bool)
    unit = unit_normalise(table, every)
    if table.shape[1] != width:
        unit = unit_normalise(stretch(unit, width), every)
    row = torch.from_numpy(vectors.row.astype(np.int64))
    out = unit.new_zeros((len(row), width))
    mask = row >= 0
    out[mask] = unit[row[mask]]
    return out, mask


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

    @property
    def shift(self) -> Shift:
        return Shift(self.lambda_shift, torch.from_numpy(self.gap), self.gap_kind)

    @cached_property
    def _head(self) -> FusedHead:
        head = build_head(self.kind, self.width, self.width)
        head.load_state_dict({name: torch.from_numpy(array) for name, array in self.state.items()})
        return head.eval()

    def residual(self, examples: Examples) -> Float64s:
        """(N,) what the vectors add to the base's log odds; exactly 0 for a row without any."""
        out = np.zeros(len(examples), dtype=np.float64)
        has_any = examples.image.mask | examples.text.mask
        if not has_any.any():
            return out
        rows = examples.take(has_any)  # M rows
        image, has_image = unit_vectors(rows.image, self.width)
        text, has_text = unit_vectors(rows.text, self.width)
        shift = self.shift
        with torch.no_grad():
            output = self._head(
                shift.image(image, has_image), shift.text(text, has_text), has_image, has_text
            )
        out[has_any] = output.logit[:, 0].numpy().astype(np.float64)
        return out
