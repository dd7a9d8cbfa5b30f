"""GeoJSON (RFC 7946) of a place's units: features with their texts and polygons.

A map of a report needs no more than the limits allow, and a file beyond them would take memory that
the run needs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.arrays import Float64s
from pipelines.errors import ConfigError

Ring = Float64s  # (N, 2) longitude and latitude, or another plane's x and y; closed
Polygon = tuple[Ring, ...]  # its outline, then its holes
MAX_BYTES, MAX_VERTICES = 50_000_000, 1_000_000
_SIMPLIFY = "simplify the shapes (mapshaper: `-simplify 5% keep-shapes`) and save them as GeoJSON"
_EXPORT = "export the units' polygons as GeoJSON, a FeatureCollection in longitude and latitude"


@dataclass(frozen=True)
class Feature:
    """One shape of a file.

    Attributes:
        texts: its properties that are text or whole numbers, and its `id`; all as text.
        polygons: none for points and lines.
    """

    texts: Mapping[str, str]
    polygons: tuple[Polygon, ...]


def read_features(file: Path) -> list[Feature]:
    """The features of a file, in its order.

    Raises:
        ConfigError: it cannot be read, is no FeatureCollection, or is larger than a map needs.
    """
    document = _parsed(file)
    if (
        not isinstance(document, dict)
        or document.get("type") != "FeatureCollection"
        or not isinstance(document.get("features"), list)
    ):
        found = document.get("type") if isinstance(document, dict) else type(document).__name__
        raise ConfigError(
            f"the boundaries are no FeatureCollection but {found!r}", where=str(file), fix=_EXPORT
        )
    features = [_feature(one, at, file) for at, one in enumerate(document["features"], start=1)]
    vertices = sum(len(ring) for f in features for polygon in f.polygons for ring in polygon)
    if vertices > MAX_VERTICES:
        raise ConfigError(
            f"the boundaries have {vertices:,} points, a map takes {MAX_VERTICES:,}",
            where=str(file),
            fix=_SIMPLIFY,
        )
    if not any(f.polygons for f in features):
        raise ConfigError("the boundaries hold no polygon", where=str(file), fix=_EXPORT)
    return features


def _parsed(file: Path) -> Any:
    try:
        if (size := file.stat().st_size) > MAX_BYTES:
            raise ConfigError(
                f"the boundaries take {size / 1e6:,.0f} MB, a map takes {MAX_BYTES / 1e6:.0f}",
                where=str(file),
                fix=_SIMPLIFY,
            )
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as err:
        raise ConfigError(
            f"the boundaries cannot be read: {err.strerror}",
            where=str(file),
            fix="correct place.boundaries: the path is seen from the profile's folder",
        ) from err
    except (ValueError, RecursionError) as err:
        raise ConfigError(
            f"the boundaries are no JSON in UTF-8: {str(err)[:200]}", where=str(file), fix=_EXPORT
        ) from err


def _feature(raw: Any, at: int, file: Path) -> Feature:
    try:
        return Feature(_texts(raw), tuple(_polygons(raw["geometry"])))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as err:
        raise ConfigError(
            f"feature {at} of the boundaries cannot be read: {type(err).__name__} {str(err)[:200]}",
            where=str(file),
            fix=_EXPORT,
        ) from err


def _texts(raw: Any) -> dict[str, str]:
    properties = {**(raw.get("properties") or {}), **({"id": raw["id"]} if "id" in raw else {})}
    return {
        str(key): text for key, value in properties.items() if (text := _text(value)) is not None
    }


def _text(value: Any) -> str | None:
    if (
        isinstance(value, float) and value.is_integer()
    ):  # codes that a table program took as numbers
        return str(int(value))
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _polygons(geometry: Any) -> Iterator[Polygon]:
    if geometry is None:  # a feature may have no place
        return
    kind = geometry["type"]
    if kind == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _polygons(part)
    elif kind in ("Polygon", "MultiPolygon"):
        several = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
        yield from (tuple(_ring(ring) for ring in polygon) for polygon in several if polygon)


def _ring(points: Any) -> Ring:
    ring = np.array([(point[0], point[1]) for point in points], dtype=np.float64)
    if len(ring) and (ring[0] != ring[-1]).any():  # some tools leave the last position out
        ring = np.vstack([ring, ring[:1]])
    if len(ring) < 4 or not np.isfinite(ring).all():
        raise ValueError("a ring needs four positions of finite numbers")
    return ring
