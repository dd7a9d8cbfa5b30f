"""One item of the catalogue as far as it is clear over one unit.

Shape letters: H height, W width of the grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.arrays import AnyArray, Bools
from pipelines.contracts import BANDS
from pipelines.fetch.web import Missing
from pipelines.satellite.catalogue import Item
from pipelines.satellite.grid import Grid
from pipelines.satellite.parts import Parts
from pipelines.satellite.window import UnusableFile, without_query

_SHOWN = (1, 2, 3)  # blue, green, red: as dark as land gets


@dataclass(frozen=True)
class Clip:
    """What an item has of a unit.

    Attributes:
        seen, clear: pixels of the unit that the satellite saw, and that the mask calls clear.
        whole: (H, W) of the clear ones, those with a value in every band.
        raw: of each band (H, W) values as the files have them; none if nothing is clear.
    """

    item: Item
    seen: int
    clear: int
    whole: Bools
    raw: Sequence[AnyArray]

    def band(self, at: int) -> AnyArray:
        """(H, W) uint16 reflectance x 10,000 without an offset, 0 where not clear. What falls to 0
        or below is 1, since 0 is nodata."""
        values = np.clip(self.raw[at].astype(np.int32) + self.item.offsets[at], 1, 65_535)
        return np.where(self.whole, values, 0).astype(np.uint16)


def clip(item: Item, grid: Grid, clear: tuple[int, ...], parts: Parts) -> Clip:
    """Read an item over a unit: the mask, and the bands only if something is clear.

    Raises:
        CapReached, FetchError: of the wire.
        UnusableFile: a file is gone or damaged, or its values contradict what the item says.
    """
    try:
        classes = parts.window(item.id, "mask", item.mask, "classes")
        seen = (classes != 0) & grid.inside
        good = seen & np.isin(classes, clear)
        files = zip(BANDS, item.hrefs, strict=True) if good.any() else ()
        raw = [parts.window(item.id, band, href, "values") for band, href in files]
    except Missing as err:
        raise UnusableFile(f"a file is gone: {without_query(err.where)}") from err
    whole = good.copy()
    for values in raw:
        whole &= values != 0
    made = Clip(item, int(seen.sum()), int(good.sum()), whole, raw)
    _require_offset(made)
    return made


def _require_offset(made: Clip) -> None:
    """Raise UnusableFile if what is to be taken off was taken off before, as catalogues have
    done without saying so."""
    for band in _SHOWN if made.whole.any() else ():
        offset = made.item.offsets[band]
        if offset < 0 and np.median(made.raw[band][made.whole]) < -offset:
            raise UnusableFile(
                f"half of its values are below {-offset}, which were added by {made.item.rule}"
            )
