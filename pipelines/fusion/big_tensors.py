"""Work on tensors of rows that may lie in a file, see storage/big_rows.py.

What fits memory is made at once, as torch alone would; what does not, block by block.
Shape letters: N rows, W width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipelines.storage import big_rows

_BLOCK_ROWS = 16_384


def gather(rows: Tensor, chosen: Tensor) -> Tensor:
    """rows[chosen] of an (N, W) tensor, by an index or a mask."""
    address = rows.untyped_storage().data_ptr()
    if not big_rows.lies_in_file(address):
        return rows[chosen]
    at = (chosen.nonzero()[:, 0] if chosen.dtype == torch.bool else chosen).numpy()

    def picked(part: slice) -> Tensor:
        return torch.from_numpy(big_rows.read_scattered(address, at[part], rows.shape[1]))

    return by_block(picked, len(at), rows.shape[1])


def by_block(
    make: Callable[[slice], Tensor], count: int, width: int, reads: Tensor | None = None
) -> Tensor:
    """(count, width) of what `make` gives for a slice of the rows, each row by itself.

    Args:
        reads: rows of which it reads the same slice.
    """
    if count * width * 4 <= big_rows.IN_MEMORY_BYTES:
        return make(slice(0, count))
    into = torch.from_numpy(big_rows.empty_rows(count, width))
    for start in range(0, count, _BLOCK_ROWS):
        part = slice(start, min(start + _BLOCK_ROWS, count))
        into[part] = make(part)
        for rows in (into, reads):
            if rows is not None:
                _touched(rows, part.stop - start)
    return into


def mean_of(rows: Tensor, mask: Tensor) -> Tensor:
    """(W,) mean of the rows of a mask; beyond memory summed in 64 bits, block by block."""
    if rows.nbytes <= big_rows.IN_MEMORY_BYTES:
        return rows[mask].mean(dim=0)
    total = torch.zeros(rows.shape[1], dtype=torch.float64)
    for own, wanted in zip(rows.split(_BLOCK_ROWS), mask.split(_BLOCK_ROWS), strict=True):
        total += own[wanted].sum(dim=0, dtype=torch.float64)
        _touched(rows, len(own))
    return (total / mask.sum()).to(rows.dtype)


def _touched(rows: Tensor, count: int) -> None:
    row_bytes = rows.shape[1] * rows.element_size()
    big_rows.touched(rows.untyped_storage().data_ptr(), count * row_bytes)
