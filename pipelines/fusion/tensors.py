"""Vectors as tensors, and torch held still: for training, and for heads that only torch can run.

Shape letters: N rows, W width after stretching.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock, RLock

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


class _Strict:
    """torch's one switch for deterministic algorithms: on while any thread holds it."""

    def __init__(self) -> None:
        self._lock, self._holders, self._before = Lock(), 0, False

    @contextmanager
    def held(self) -> Iterator[None]:
        with self._lock:
            if not self._holders:
                self._before = torch.are_deterministic_algorithms_enabled()
                torch.use_deterministic_algorithms(True)
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders:
                    torch.use_deterministic_algorithms(self._before)


_strict = _Strict()
_generator = RLock()  # torch has one for the whole process


@contextmanager
def reproducible(threads: int, seed: int = 0) -> Iterator[None]:
    """Fixed threads, fixed generator and deterministic algorithms inside; as before outside."""
    with still(threads), seeded(seed):
        yield


@contextmanager
def still(threads: int) -> Iterator[None]:
    """Fixed threads and deterministic algorithms inside; as before outside."""
    before = torch.get_num_threads()  # of this thread
    torch.set_num_threads(threads)
    try:
        with _strict.held():
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A fixed state of torch's generator inside, which one thread at a time has; as before
    outside."""
    with _generator, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


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
