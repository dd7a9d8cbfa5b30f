"""Made shapes of made places: squares on a grid, as GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Point = tuple[float, float]


def square(west: float, south: float, side: float = 1.0) -> list[Point]:
    """A closed ring, counter-clockwise as RFC 7946 wants an outline."""
    east, north = west + side, south + side
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def feature(code: Any, *polygons: list[list[Point]], **properties: Any) -> dict[str, Any]:
    """A feature whose property `code` is its unit's."""
    geometry = {"type": "MultiPolygon", "coordinates": polygons} if polygons else None
    return {"type": "Feature", "properties": {"code": code, **properties}, "geometry": geometry}


def grid(
    codes: Sequence[Any], columns: int = 9, west: float = 105.0, south: float = 10.0
) -> list[dict[str, Any]]:
    """One square a code, row by row."""
    return [
        feature(code, [square(west + at % columns, south + at // columns)])
        for at, code in enumerate(codes)
    ]


def written(file: Path, features: Sequence[dict[str, Any]]) -> Path:
    """A FeatureCollection on disk."""
    content = {"type": "FeatureCollection", "features": list(features)}
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
