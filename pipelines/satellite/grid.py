"""The pixels of one unit's scenes: a grid in metres around its polygons.

Shape letters: H height, W width in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.arrays import Bools
from pipelines.data.geojson import Polygon
from pipelines.errors import ConfigError

_DEGREES = "EPSG:4326"
_WIDEST = 12.0  # degrees: beyond, one UTM zone does not hold it
_MOST_PIXELS = 25_000_000  # 600 MB of a scene's twelve bands


@dataclass(frozen=True)
class Grid:
    """Where a unit's pixels lie.

    Attributes:
        crs: the UTM zone of the unit's middle, such as "EPSG:32618".
        transform: affine, of column and row to x and y in metres; north is up.
        inside: (H, W) whether a pixel's middle lies in the unit.
        bbox: west, south, east, north of the unit in degrees, for the catalogue.
    """

    crs: str
    transform: Any
    inside: Bools
    bbox: tuple[float, float, float, float]

    @property
    def resolution_m(self) -> float:
        return float(self.transform.a)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top in metres."""
        height, width = self.inside.shape
        left, top, edge = self.transform.c, self.transform.f, self.resolution_m
        return left, top - height * edge, left + width * edge, top


def grid_of(unit: str, polygons: Sequence[Polygon], resolution_m: int) -> Grid:
    """The grid of a unit's polygons (longitude and latitude), its edges at whole multiples of the
    resolution, so that neighbours and years share them.

    Raises:
        ConfigError: the shapes are not in degrees, or larger or smaller than a scene can be.
    """
    from rasterio.features import rasterize
    from rasterio.transform import from_origin
    from rasterio.warp import transform_geom

    points = np.vstack([polygon[0] for polygon in polygons])
    west, south = map(float, points.min(axis=0))
    east, north = map(float, points.max(axis=0))
    if west < -180 or east > 180 or south < -80 or north > 84 or east - west > _WIDEST:
        raise _refused(unit, "its shape is not in longitude and latitude, too wide or near a pole")
    crs = _utm((west + east) / 2, (south + north) / 2)
    shapes = [
        transform_geom(
            _DEGREES, crs, {"type": "Polygon", "coordinates": [ring.tolist() for ring in polygon]}
        )
        for polygon in polygons
    ]
    xy = np.array([point for shape in shapes for point in shape["coordinates"][0]])
    left, bottom = (math.floor(v / resolution_m) for v in xy.min(axis=0))
    right, top = (math.ceil(v / resolution_m) for v in xy.max(axis=0))
    height, width = top - bottom, right - left
    if height * width > _MOST_PIXELS:
        raise _refused(unit, f"{width} x {height} pixels of {resolution_m} m are too many")
    transform = from_origin(left * resolution_m, top * resolution_m, resolution_m, resolution_m)
    inside = rasterize(shapes, (height, width), transform=transform, dtype="uint8") == 1
    if not inside.any():
        raise _refused(unit, f"it is smaller than a pixel of {resolution_m} m")
    return Grid(crs, transform, inside, (west, south, east, north))


def _utm(lon: float, lat: float) -> str:
    zone = min(int((lon + 180) // 6) + 1, 60)
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def _refused(unit: str, why: str) -> ConfigError:
    return ConfigError(
        f"no scene can be made of unit {unit}: {why}",
        where="place.boundaries",
        fix="correct the shape, or set satellite.resolution_m",
    )
