"""One item of the catalogue as far as it is clear over one unit.

Shape letters: B bands, H height, W width of the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.arrays import AnyArray, Bools
from pipelines.fetch.web import Missing
from pipelines.satellite.catalogue import Item
from pipelines.satellite.grid import Grid
from pipelines.satellite.window import UnusableFile, read_window
from pipelines.satellite.wire import Wire

_SHOWN = (1, 2, 3)  # blue, green, red: as dark as land gets


@dataclass(frozen=True)
class Clip:
    """What an item has of a unit.

    Attributes:
        seen, clear: pixels of the unit that the satellite saw, and that the mask calls clear.
        values: (B, H, W) uint16 reflectance x 10,000, 0 where not clear; None if nothing is.
    """

    seen: int
    clear: int
    values: AnyArray | None = None


def clip(item: Item, grid: Grid, clear: tuple[int, ...], wire: Wire) -> Clip:
    """Read an item over a unit: the mask, and the bands only if something is clear.

    Raises:
        CapReached, FetchError: of the wire.
        UnusableFile: a file is gone or damaged, or its values contradict what the item says.
    """
    try:
        classes = read_window(wire, item.mask, grid, "classes")
        seen = (classes != 0) & grid.inside
        good = seen & np.isin(classes, clear)
        if not good.any():
            return Clip(int(seen.sum()), 0)
        raw = np.stack([read_window(wire, href, grid, "values") for href in item.hrefs])
    except Missing as err:
        raise UnusableFile(f"a file is gone: {err.where}") from err
    whole = good & (raw != 0).all(axis=0)
    _require_offset(item, raw, whole)
    return Clip(int(seen.sum()), int(good.sum()), _reflectance(item, raw, whole))


def _require_offset(item: Item, raw: AnyArray, whole: Bools) -> None:
    """Raise UnusableFile if what is to be taken off was taken off before, as catalogues have
    done without saying so."""
    for band in _SHOWN:
        offset = item.offsets[band]
        if offset < 0 and whole.any() and np.median(raw[band][whole]) < -offset:
            raise UnusableFile(
                f"half of its values are below {-offset}, which {item.rule} says was added"
            )


def _reflectance(item: Item, raw: AnyArray, whole: Bools) -> AnyArray:
    """Values without the offset; what falls to 0 or below is 1, since 0 is nodata."""
    added = np.array(item.offsets, dtype=np.int32)[:, None, None]
    values = np.clip(raw.astype(np.int32) + added, 1, 65_535)
    return np.where(whole, values, 0).astype(np.uint16)
