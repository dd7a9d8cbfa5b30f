"""A scene as a file that a drop takes."""

from __future__ import annotations

from pathlib import Path

from pipelines.arrays import AnyArray
from pipelines.contracts import BANDS
from pipelines.satellite.grid import Grid
from pipelines.storage.files import sync_folder, write_atomic


def write_scene(path: Path, values: AnyArray, grid: Grid, waiting: Path) -> None:
    """Write (B, H, W) as a TIFF of twelve bands, whole or not at all: equal values, equal bytes.

    Args:
        waiting: folder where it is written first. A half file beside scenes would get into a drop.
    """
    from rasterio.io import MemoryFile

    count, height, width = values.shape
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            count=count,
            height=height,
            width=width,
            dtype="uint16",
            crs=grid.crs,
            transform=grid.transform,
            nodata=0,
            compress="deflate",
            predictor=2,
            interleave="pixel",
        ) as out:
            out.write(values)
            out.descriptions = BANDS
        raw = bytes(memory.getbuffer())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(waiting / path.name, raw).replace(path)
    sync_folder(path.parent)
