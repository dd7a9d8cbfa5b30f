"""What is read for a period that is not finished: kept on the disk until it is.

So a call that ends amid a period loses one file's window at the most, and a composite need not hold
all bands of all items in memory.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

import numpy as np

from pipelines.arrays import AnyArray
from pipelines.satellite.grid import Grid
from pipelines.satellite.window import Kind, read_window
from pipelines.satellite.wire import Wire
from pipelines.storage.files import write_atomic


class Parts:
    """The windows of one unit and period.

    Args:
        folder: of this unit, period and settings.

    Attributes:
        brought: windows that came over the wire.
    """

    def __init__(self, folder: Path, grid: Grid, wire: Wire) -> None:
        self._folder, self._grid, self._wire = folder, grid, wire
        self.brought = 0

    def window(self, item_id: str, asset: str, href: str, kind: Kind) -> AnyArray:
        """As read_window; read now or by an earlier call. Its values stay on the disk until they
        are looked at."""
        key = hashlib.sha256(f"{item_id}\n{asset}".encode()).hexdigest()[:24]
        found = next(self._folder.glob(f"{key}-*.npy"), None)
        if found is None:
            before, held = self._wire.bytes_read, io.BytesIO()
            np.save(held, read_window(self._wire, href, self._grid, kind))
            taken = self._wire.bytes_read - before
            found = write_atomic(self._folder / f"{key}-{taken}.npy", held.getvalue())
            self.brought += 1
        values: AnyArray = np.load(found, mmap_mode="r")
        return values

    @property
    def bytes_read(self) -> int:
        """Over the wire for all windows, those of earlier calls included."""
        return sum(int(path.stem.partition("-")[2]) for path in self._folder.glob("*.npy"))

    def remove(self) -> None:
        """The period is finished."""
        shutil.rmtree(self._folder, ignore_errors=True)
