"""The part of a remote TIFF that a unit needs, on the unit's grid.

Shape letters: H height, W width of the grid.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from pipelines.arrays import AnyArray
from pipelines.satellite.grid import Grid
from pipelines.satellite.range_file import RangeFile
from pipelines.satellite.wire import Wire

_MOST_BLOCK_PIXELS = 4096 * 4096  # that a file may say one tile has; Sentinel-2's have 1024 x 1024
_ALMOST = 0.05  # a zone beside the grid's has metres that are a thousandth longer or shorter
_READING = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no request for files that may lie beside it
    "GDAL_NUM_THREADS": "1",
}


Kind = Literal["values", "classes"]


class UnusableFile(Exception):
    """A file of an item cannot be read; the item is passed over."""


def read_window(wire: Wire, href: str, grid: Grid, kind: Kind) -> AnyArray:
    """(H, W) uint16 of a file's first band, 0 where it has nothing.

    Only the tiles of the window are read, from the pyramid level that is next finer than the grid.
    Each pixel of the grid takes the nearest value, so none is made up at an edge.

    Args:
        kind: how fine pixels become a coarser one: values by their mean, classes by the majority.

    Raises:
        CapReached, FetchError: of the wire.
        UnusableFile: it is no TIFF, is damaged, or holds what no band or mask can be.
    """
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.warp import Resampling, reproject

    file = RangeFile(wire, href)
    out = np.zeros(grid.inside.shape, dtype=np.uint16)
    by = Resampling.average if kind == "values" else Resampling.mode
    try:
        with (
            rasterio.Env(**_READING),
            # TIFF alone: another format may name files of this machine
            rasterio.open(href, driver="GTiff", opener=lambda *_, **__: file) as source,
        ):
            _check(source, without_query(href))
            window, shape = _window(source, grid)
            if 0 in shape:
                return out
            pixels = source.read(1, window=window, out_shape=shape, resampling=by)
            place = rasterio.transform.from_bounds(*source.window_bounds(window), *shape[::-1])
            crs = source.crs
    except (RasterioError, ValueError, ArithmeticError, MemoryError) as err:
        raise file.failure or UnusableFile(f"{without_query(href)}: {_told(err, href)}") from err
    if file.failure is not None:  # GDAL may take a short read for the end of something
        raise file.failure
    reproject(
        pixels,
        out,
        src_transform=place,
        src_crs=crs,
        src_nodata=0,
        dst_transform=grid.transform,
        dst_crs=grid.crs,
        dst_nodata=0,
        resampling=Resampling.nearest,
    )
    return out


def without_query(href: str) -> str:
    """An address as it may be logged: what stands after its question mark may be a signature."""
    return href.partition("?")[0]


def _told(err: Exception, href: str) -> str:
    """GDAL's words, which repeat the address or the end of it, behind that."""
    end = href.rpartition("/")[2]
    return str(err).rpartition(end)[2].lstrip("': ")[:200]


def _check(source: Any, name: str) -> None:
    """Raise UnusableFile for a file that is no band or mask of a scene."""
    (height, width), kind = source.block_shapes[0], source.dtypes[0]
    if kind not in ("uint8", "uint16"):
        raise UnusableFile(f"{name}: its values are {kind}, not uint8 or uint16")
    known = source.crs is not None and (source.crs.is_projected or source.crs.is_geographic)
    if not known or source.transform.b or source.transform.d:
        raise UnusableFile(f"{name}: it does not say where it lies, or is turned")
    if height * width > _MOST_BLOCK_PIXELS:
        raise UnusableFile(f"{name}: a tile of {width} x {height} pixels is too large")


def _window(source: Any, grid: Grid) -> tuple[Any, tuple[int, int]]:
    """The window that covers the grid, and the rows and columns to read it in; none of either if
    the file lies elsewhere.

    It begins at a multiple of the step, as the pixels of a pyramid do.
    """
    from rasterio.warp import transform_bounds
    from rasterio.windows import Window, from_bounds

    box = transform_bounds(grid.crs, source.crs, *grid.bounds, densify_pts=21)
    wanted = from_bounds(*box, transform=source.transform)
    step = max(1, int(wanted.width / grid.inside.shape[1] + _ALMOST))
    left, right = _whole(wanted.col_off, wanted.width, source.width, step)
    top, bottom = _whole(wanted.row_off, wanted.height, source.height, step)
    shape = (-(-(bottom - top) // step), -(-(right - left) // step))
    return Window(left, top, right - left, bottom - top), shape


def _whole(start: float, length: float, size: int, step: int) -> tuple[int, int]:
    """First and last pixel of a range, one step more on either side, within the file."""
    first = (int(start // step) - 1) * step
    last = (int((start + length) // step) + 2) * step
    first = min(max(first, 0), size)
    return first, min(max(last, first), size)
