"""Alignment and the two fused heads in NumPy: what a forecast and the endpoint compute.

The same formulas as alignment.py and heads/, which train; float32 as there, equal within rounding
(tests hold 1e-6). A reader of a fused bundle so needs no torch.

Shape letters: N rows, M distinct vectors, D their width, W the wider of two widths, F hidden width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache, partial

import numpy as np
from threadpoolctl import ThreadpoolController

from pipelines.arrays import Bools, Float32s, Int32s, Int64s
from pipelines.fusion.examples import ModalityVectors

State = Mapping[str, Float32s]
Shapes = dict[str, tuple[int, ...]]
# (N, C) logits of (N, W) image and text, and which rows have them.
Forward = Callable[[Float32s, Float32s, tuple[Bools, Bools]], Float32s]
_SMALLEST_NORM = np.float32(1e-12)
_EPS = np.float32(1e-5)  # of the batch norm


def unit(vectors: Float32s) -> Float32s:
    """(M, D) vectors of length 1; one of length zero stays zero."""
    length = np.sqrt(np.einsum("md,md->m", vectors, vectors))
    return np.asarray(vectors / np.maximum(length, _SMALLEST_NORM)[:, None])


def stretched(vectors: Float32s, width: int) -> Float32s:
    """(M, W) vectors stretched along the feature axis by linear interpolation, ends on ends."""
    own = vectors.shape[1]
    if own == width:
        return vectors
    low, high, near, far = _between(own, width)
    return np.asarray(vectors[:, low] * near + vectors[:, high] * far)


@lru_cache(maxsize=16)
def _between(own: int, width: int) -> tuple[Int64s, Int64s, Float32s, Float32s]:
    """(W,) columns on either side of each new one, and its share of the lower and the higher."""
    at = np.arange(width, dtype=np.float32) * np.float32((own - 1) / (width - 1))
    low = np.minimum(at.astype(np.int64), own - 1)
    far = at - low.astype(np.float32)
    return low, np.minimum(low + 1, own - 1), 1 - far, far


def aligned(vectors: ModalityVectors, width: int, moved_by: Float32s) -> Float32s:
    """(N, W) vectors of rows: normalised, stretched, shifted, normalised; zero where missing.

    Args:
        moved_by: (W,) or (1,), added to unit vectors.
    """
    mask = vectors.mask
    used, row = _distinct(vectors.row[mask])
    made = unit(np.ascontiguousarray(vectors.table[used], dtype=np.float32))
    if made.shape[1] != width:
        made = unit(stretched(made, width))
    return _at(mask, unit(made + moved_by)[row])


def early(state: State) -> Forward:
    """The early head; see heads/early.py."""
    return partial(_early, _Block.of(state, "block"), _Output.of(state))


def _early(
    block: _Block, output: _Output, image: Float32s, text: Float32s, has: tuple[Bools, Bools]
) -> Float32s:
    return output(block(np.concatenate([text, image], axis=1), has[0] | has[1]))


def late_joint(state: State) -> Forward:
    """The late-joint head; see heads/late_joint.py."""
    blocks = (_Block.of(state, "text"), _Block.of(state, "image"))
    return partial(_late_joint, blocks, _Output.of(state))


def _late_joint(
    blocks: tuple[_Block, _Block],
    output: _Output,
    image: Float32s,
    text: Float32s,
    has: tuple[Bools, Bools],
) -> Float32s:
    return output(np.concatenate([blocks[0](text, has[1]), blocks[1](image, has[0])], axis=1))


@dataclass(frozen=True)
class _Block:
    """Linear, ReLU, batch norm by its running values.

    Attributes:
        weight: (F, W); all others (F,).
    """

    weight: Float32s
    bias: Float32s
    mean: Float32s
    scale: Float32s
    shift: Float32s

    @classmethod
    def of(cls, state: State, name: str) -> _Block:
        """By the name of its parameters in a head."""
        norm = f"{name}.norm"
        return cls(
            state[f"{name}.linear.weight"],
            state[f"{name}.linear.bias"],
            state[f"{norm}.running_mean"],
            state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + _EPS),
            state[f"{norm}.bias"],
        )

    def __call__(self, x: Float32s, mask: Bools) -> Float32s:
        """(N, F) of (N, W), exactly zero where masked."""
        hidden = x[mask] @ self.weight.T + self.bias
        made = (np.maximum(hidden, 0) - self.mean) * self.scale + self.shift
        return _at(mask, made)


@dataclass(frozen=True)
class _Output:
    weight: Float32s
    bias: Float32s

    @classmethod
    def of(cls, state: State) -> _Output:
        return cls(state["output.weight"], state["output.bias"])

    def __call__(self, hidden: Float32s) -> Float32s:
        """(N, C) logits."""
        return hidden @ self.weight.T + self.bias


def _at(mask: Bools, made: Float32s) -> Float32s:
    """(N, F) with the rows made where the mask says, and zeros elsewhere."""
    if len(made) == len(mask):
        return made
    out = np.zeros((len(mask), made.shape[1]), dtype=np.float32)
    out[mask] = made
    return out


def _early_shapes(width: int) -> Shapes:
    return {**_block_shapes("block", 2 * width, 128), **_output_shapes(128)}


def _late_joint_shapes(width: int) -> Shapes:
    image, text = _block_shapes("image", width, 64), _block_shapes("text", width, 64)
    return {**image, **text, **_output_shapes(128)}


# Head -> its forward pass from its parameters, and their shapes at a width. One that is not here,
# as a head of another distribution may be, is run by torch.
FORWARDS: Mapping[str, Callable[[State], Forward]] = {"early": early, "late_joint": late_joint}
SHAPES: Mapping[str, Callable[[int], Shapes]] = {
    "early": _early_shapes,
    "late_joint": _late_joint_shapes,
}


@contextmanager
def one_thread() -> Iterator[None]:
    """Linear algebra on one thread inside: other counts give other bits."""
    pools = _pools()
    if all(library.num_threads == 1 for library in pools.lib_controllers):
        yield  # setting and giving back costs as much as a small head
        return
    with pools.limit(limits=1):
        yield


@cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def _distinct(row: Int32s) -> tuple[Int32s, Int64s | slice]:
    """What np.unique gives with its inverse; rows that all differ, in order, are not sorted."""
    if (row[1:] > row[:-1]).all():
        return row, slice(None)
    used, at = np.unique(row, return_inverse=True)
    return used, at


def _block_shapes(name: str, width: int, hidden: int) -> Shapes:
    norm = ("weight", "bias", "running_mean", "running_var")
    return {
        f"{name}.linear.weight": (hidden, width),
        f"{name}.linear.bias": (hidden,),
        **{f"{name}.norm.{key}": (hidden,) for key in norm},
    }


def _output_shapes(hidden: int) -> Shapes:
    return {"output.weight": (1, hidden), "output.bias": (1,)}
