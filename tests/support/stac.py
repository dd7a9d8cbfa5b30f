"""A STAC API on loopback whose items have the twelve bands and the scene classes of Sentinel-2 as
cloud-optimised TIFFs of our own: three resolutions, pyramids, nodata, and the offset of baseline
04.00 where it is asked for.

A tile is 4,080 m wide. Values are equal within cells of 240 m, which every resolution used here
divides, so that a pyramid's means are the truth, too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import rasterio
import yaml
from rasterio.io import MemoryFile
from rasterio.transform import from_origin
from rasterio.warp import transform, transform_bounds

from pipelines.arrays import AnyArray, Float64s
from pipelines.contracts import BANDS
from pipelines.satellite import FetchedScenes, fetch_scenes
from pipelines.satellite.periods import Period
from pipelines.satellite_config import SatelliteConfig
from support.publisher import HURRIED as HURRIED
from support.publisher import Site

UTM = "EPSG:32618"
LEFT, TOP, CELL, CELLS = 499_200, 686_400, 240, 17  # of the first tile, in metres
WIDE = CELL * CELLS
_RESOLUTION = {"B01": 60, "B09": 60, "B02": 10, "B03": 10, "B04": 10, "B08": 10}  # others 20 m
VEGETATION, CLOUD = 4, 9


def truth(day: date, band: str, east: int = 0) -> AnyArray:
    """Reflectance x 10,000 of each cell, of a tile so many tiles to the east."""
    rng = np.random.default_rng([day.toordinal(), BANDS.index(band), east])
    return rng.integers(300, 3000, (CELLS, CELLS)).astype(np.uint16)


@lru_cache(maxsize=512)
def tiff(
    shape: tuple[int, int], raw: bytes, kind: str, pixel: int, corner: tuple[int, int], crs: str
) -> bytes:
    """A cloud-optimised TIFF of a tile."""
    values = np.frombuffer(raw, dtype=kind).reshape(shape)
    by = "mode" if kind == "uint8" else "average"
    with MemoryFile() as memory:
        with memory.open(
            driver="COG",
            width=shape[1],
            height=shape[0],
            count=1,
            dtype=kind,
            crs=crs,
            transform=from_origin(*corner, pixel, pixel),
            nodata=0,
            compress="deflate",
            blocksize=128,
            overview_resampling=by,
        ) as out:
            out.write(values, 1)
        return bytes(memory.getbuffer())


def band_file(
    cells: AnyArray, pixel: int, corner: tuple[int, int], crs: str = UTM, noise: int = 0
) -> bytes:
    """Cells as a file in pixels of so many metres; with noise it is as large as a real one."""
    pixels = cells.repeat(CELL // pixel, axis=0).repeat(CELL // pixel, axis=1)
    if noise:
        rng = np.random.default_rng(noise)
        pixels = (pixels + rng.integers(0, 500, pixels.shape)).astype(pixels.dtype)
    return tiff(pixels.shape, pixels.tobytes(), str(pixels.dtype), pixel, corner, crs)


@dataclass
class StacSite(Site):
    """What is served: items, and their files among the site's bodies.

    Attributes:
        items: as the API's answers hold them; hrefs are relative to the site.
        page_size: items of one answer, however many are asked for.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    page_size: int = 100

    def add(
        self,
        day: date,
        *,
        cloudy: AnyArray | None = None,
        east: int = 0,
        added: int = 0,
        noise: int = 0,
        corner: tuple[int, int] | None = None,
        crs: str = UTM,
        **properties: Any,
    ) -> str:
        """An item of a day: the truth, plus `added`, under clouds where `cloudy` (17, 17) is true.

        Args:
            corner, crs: of the tile, where it is not beside the others.
            properties: instead of the processing baseline 03.00; `__` stands for a colon.

        Returns: its id.
        """
        name, at = f"S2A_{day:%Y%m%d}_{east}", corner or (LEFT + east * WIDE, TOP)
        classes = np.full((CELLS, CELLS), VEGETATION, dtype=np.uint8)
        if cloudy is not None:
            classes[cloudy] = CLOUD
        for band in BANDS:
            cells = truth(day, band, east).astype(np.int32) + added
            if cloudy is not None:
                cells[cloudy] = 9000
            pixel = _RESOLUTION.get(band, 20)
            self.bodies[f"/{name}/{band}.tif"] = band_file(
                cells.astype(np.uint16), pixel, at, crs, noise
            )
        self.bodies[f"/{name}/SCL.tif"] = band_file(classes, 20, at, crs)
        said = {key.replace("__", ":"): value for key, value in properties.items()}
        said = said or {"s2:processing_baseline": "03.00"}
        self.items.append(_item(name, day, at, crs, said))
        return name

    def constant(self, value: int, pixel: int) -> bytes:
        """A file of the first tile that is the same everywhere."""
        return band_file(np.full((CELLS, CELLS), value, dtype=np.uint16), pixel, (LEFT, TOP))

    def noisy(self, pixel: int) -> bytes:
        """One that no compression makes small."""
        return band_file(truth(date(2024, 1, 1), "B05"), pixel, (LEFT, TOP), noise=1)

    def body(self, path: str) -> bytes | None:
        parts = urlsplit(path)
        if parts.path == "/stac":
            return json.dumps(_landing(self.url)).encode()
        if parts.path == "/stac/search":
            asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
            return json.dumps(self._found(asked)).encode()
        return super().body(path)

    def _found(self, asked: dict[str, str]) -> dict[str, Any]:
        west, south, east, north = map(float, asked["bbox"].split(","))
        since, until = (text[:10] for text in asked["datetime"].split("/"))
        found = [
            item
            for item in self.items
            if item["collection"] == asked["collections"]
            and since <= item["properties"]["datetime"][:10] <= until
            and item["bbox"][0] <= east
            and item["bbox"][2] >= west
            and item["bbox"][1] <= north
            and item["bbox"][3] >= south
        ]
        at, size = int(asked.get("at", 0)), min(self.page_size, int(asked["limit"]))
        links = []
        if at + size < len(found):
            rest = "&".join(
                f"{key}={value}" for key, value in (asked | {"at": str(at + size)}).items()
            )
            links = [{"rel": "next", "href": f"{self.url}stac/search?{rest}", "method": "GET"}]
        page = json.loads(json.dumps(found[at : at + size]).replace("SITE/", self.url))
        return {"type": "FeatureCollection", "features": page, "links": links}


def _landing(url: str) -> dict[str, Any]:
    conforms = [
        "https://api.stacspec.org/v1.0.0/core",
        "https://api.stacspec.org/v1.0.0/item-search",
    ]
    return {
        "type": "Catalog",
        "id": "loopback",
        "stac_version": "1.0.0",
        "description": "of the tests",
        "conformsTo": conforms,
        "links": [
            {"rel": "self", "href": f"{url}stac"},
            {"rel": "root", "href": f"{url}stac"},
            {"rel": "search", "href": f"{url}stac/search", "type": "application/geo+json"},
        ],
    }


def _item(
    name: str, day: date, at: tuple[int, int], crs: str, said: dict[str, Any]
) -> dict[str, Any]:
    left, top = at
    box = transform_bounds(crs, "EPSG:4326", left, top - WIDE, left + WIDE, top)
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    files = {key: {"href": f"SITE/{name}/{key}.tif"} for key in (*BANDS, "SCL")}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "sentinel-2-l2a",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": list(box),
        "properties": {"datetime": f"{day}T15:30:00Z", **said},
        "assets": files,
        "links": [],
    }


def square(left: int, top: int, width: int, height: int) -> tuple[Float64s, ...]:
    """A polygon of one ring, in degrees, around cells of the first tile (counted from its corner);
    a little smaller, so that the grid is those cells."""
    x0, x1 = LEFT + left * CELL + 2, LEFT + (left + width) * CELL - 2
    y0, y1 = TOP - (top + height) * CELL + 2, TOP - top * CELL - 2
    xs, ys = transform(UTM, "EPSG:4326", [x0, x1, x1, x0, x0], [y0, y0, y1, y1, y0])
    return (np.column_stack([xs, ys]),)


WEEK = Period(date(2024, 11, 3), date(2024, 11, 9))
UNIT = "05001"


class SceneFetcher:
    """Fetches from the site into one folder, as often as a test asks.

    Attributes:
        units: by default one of 5 x 4 cells, that begins at column 2 and row 3 of the first tile.
    """

    def __init__(self, site: StacSite, to: Path) -> None:
        self.site, self.to = site, to
        self.units = {UNIT: [square(2, 3, 5, 4)]}

    def settings(self, **changed: Any) -> SatelliteConfig:
        """What a profile would say of the site."""
        return SatelliteConfig(**({"url": f"{self.site.url}stac", "resolution_m": 40} | changed))

    def __call__(
        self, *periods: Period, today: date = date(2025, 1, 1), **changed: Any
    ) -> FetchedScenes:
        settings = self.settings(**changed)
        return fetch_scenes(settings, self.units, periods or (WEEK,), self.to, today, HURRIED)

    def profile(self, folder: Path, **changed: Any) -> Path:
        """A profile of these units and settings, with one file of cases, in a folder."""
        shapes = [
            {
                "type": "Feature",
                "properties": {"code": unit},
                "geometry": {
                    "type": "MultiPolygon",
                    "coordinates": [[ring.tolist() for ring in one] for one in polygons],
                },
            }
            for unit, polygons in self.units.items()
        ]
        (folder / "units.geojson").write_text(
            json.dumps({"type": "FeatureCollection", "features": shapes})
        )
        said = {
            "profile": "town",
            "place": {"boundaries": {"file": "units.geojson", "code": "code"}},
            "data": {
                "inputs": [
                    {
                        "file": "cases.csv",
                        "columns": {name: name for name in ("unit", "year", "week", "cases")},
                    }
                ]
            },
            "satellite": self.settings(**changed).model_dump(mode="json", exclude_defaults=True),
        }
        (folder / "town.yaml").write_text(yaml.safe_dump(said))
        return folder / "town.yaml"

    def scene(self, first: date = WEEK.first, unit: str = UNIT) -> AnyArray:
        """(B, H, W) of a scene."""
        with rasterio.open(self.to / f"images/{unit}/image_{first}.tiff") as scene:
            values: AnyArray = scene.read()
        return values

    def files(self) -> dict[str, bytes]:
        """Scenes and whatever else lies beside them."""
        images = self.to / "images"
        return {
            path.relative_to(images).as_posix(): path.read_bytes()
            for path in sorted(images.rglob("*"))
            if path.is_file()
        }


def truth_of(day: date) -> AnyArray:
    """(B, 4, 5) of the cells of the usual unit."""
    return np.stack([truth(day, band)[3:7, 2:7] for band in BANDS])


def in_cells(values: AnyArray, resolution_m: int = 40) -> AnyArray:
    """(B, rows, columns) the middle pixel of each cell."""
    step = CELL // resolution_m
    return values[:, step // 2 :: step, step // 2 :: step]
