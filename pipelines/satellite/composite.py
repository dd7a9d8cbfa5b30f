"""Several days as one scene.

Shape letters: B bands, D days, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.arrays import AnyArray
from pipelines.contracts import BANDS
from pipelines.satellite.clip import Clip


def composite(days: Sequence[Sequence[Clip]]) -> AnyArray:
    """(B, H, W) uint16: of each pixel and band the median of its clear days, 0 where none is.

    The median, not the newest clear pixel: a cloud or its shadow that the mask did not see is then
    outvoted by two other days. Tiles of one day are laid over each other first, so that a pixel in
    two tiles counts once.

    Args:
        days: the clips of each day, the one to be preferred first.
    """
    bands = range(len(BANDS))
    return np.stack([median(np.stack([_mosaic(one, b) for one in days])) for b in bands])


def _mosaic(clips: Sequence[Clip], band: int) -> AnyArray:
    out = clips[0].band(band)
    for other in clips[1:]:
        out = np.where(out == 0, other.band(band), out)
    return out


def median(stack: AnyArray) -> AnyArray:
    """(H, W) median over D of the values (D, H, W) that are not 0; of two middle ones the mean,
    half a unit rounded up."""
    ordered = np.sort(stack, axis=0)  # what is missing comes first
    days, there = len(stack), np.count_nonzero(stack, axis=0)
    low = np.minimum(days - there + np.maximum(there - 1, 0) // 2, days - 1)
    high = np.minimum(days - there + there // 2, days - 1)
    middle = [
        np.take_along_axis(ordered, at[None], axis=0)[0].astype(np.uint32) for at in (low, high)
    ]
    out: AnyArray = ((middle[0] + middle[1] + 1) // 2).astype(np.uint16)
    return out
