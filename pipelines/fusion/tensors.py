"""Vectors as tensors, and torch held still: for training, and for heads that only torch can run.

Shape letters: N rows, W width after stretching.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from pipelines.arrays import Bools, Float32s
from pipelines.contracts import FusedKind
from pipelines.fusion.alignment import Shift, stretch, unit_normalise
from pipelines.fusion.big_tensors import by_block, gather
from pipelines.fusion.examples import ModalityVectors
from pipelines.fusion.heads import build_head
from pipelines.fusion.model import FusedModel


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
    row = torch.from_numpy(vectors.row.astype(np.int64))
    mask = row >= 0
    out = by_block(lambda part: _placed(table, row[part], mask[part], width), len(row), width)
    return out, mask


def _placed(table: Tensor, row: Tensor, mask: Tensor, width: int) -> Tensor:
    """The rows' unit vectors, zero where missing."""
    every = torch.ones(int(mask.sum()), dtype=torch.bool)
    unit = unit_normalise(gather(table, row[mask]), every)
    if table.shape[1] != width:
        unit = unit_normalise(stretch(unit, width), every)
    out = unit.new_zeros((len(row), width))
    out[mask] = unit
    return out


def shift_of(fused: FusedModel) -> Shift:
    """What a trained head does to vectors before it reads them."""
    return Shift(fused.lambda_shift, torch.from_numpy(fused.gap), fused.gap_kind)


def shapes_of(kind: FusedKind, width: int) -> dict[str, tuple[int, ...]]:
    """Shapes of a head's parameters, without their memory."""
    with torch.device("meta"):
        head = build_head(kind, width, width)
    return {name: tuple(value.shape) for name, value in head.state_dict().items()}


def logits_by_torch(
    kind: FusedKind,
    state: Mapping[str, Float32s],
    image: Float32s,
    text: Float32s,
    has: tuple[Bools, Bools],
) -> Float32s:
    """(N, C) logits of a head that has no forward pass in plain.py; (N, W) vectors as there."""
    head = build_head(kind, image.shape[1], text.shape[1])
    head.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    with reproducible(threads=1), torch.no_grad():
        found = head.eval()(*(torch.from_numpy(part) for part in (image, text, *has)))
    return np.asarray(found.logit.numpy())
