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
    unit = by_block(lambda part: _unit(table[part], width), len(table), width, table)
    row = torch.from_numpy(vectors.row.astype(np.int64))
    mask = row >= 0
    return by_block(lambda part: _placed(unit, row[part], mask[part]), len(row), width), mask


def _unit(vectors: Tensor, width: int) -> Tensor:
    every = torch.ones(len(vectors), dtype=torch.bool)
    unit = unit_normalise(vectors, every)
    if vectors.shape[1] != width:
        unit = unit_normalise(stretch(unit, width), every)
    return unit


def _placed(unit: Tensor, row: Tensor, mask: Tensor) -> Tensor:
    """The rows' vectors, zero where missing."""
    out = unit.new_zeros((len(row), unit.shape[1]))
    out[mask] = gather(unit, row[mask])
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
