"""What is added to an item's values so that they are reflectance x 10,000.

Since processing baseline 04.00 (January 2022) Sentinel-2 values have 1,000 added, so that dark ones
do not fall below 0. Some catalogues have taken it off again. Sources: ESA, "Sentinel-2 Products
Specification Document" 15.0, BOA_ADD_OFFSET; STAC extensions `raster` 1.1 and 2.0; Element84's
Earth Search, whose `boa_offset_applied` is right where its `raster:bands` still names an offset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

_UNITS = 10_000  # of reflectance 1
_ADDED_SINCE, _ADDED = 4.0, 1000
_APPLIED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_BASELINE = ("s2:processing_baseline", "sentinel:processing_baseline", "processing:version")


class Unknown(Exception):
    """Nothing says which values these are."""


def offsets_of(
    properties: Mapping[str, Any],
    assets: Sequence[Mapping[str, Any]],
    declared: Literal["item", 0, -1000],
) -> tuple[tuple[int, ...], str]:
    """What is added to each band's values, and the rule that says so.

    Args:
        assets: the further fields of each band's file, in the order of the bands.
        declared: of the profile; another one than "item" goes before all else.

    Raises:
        Unknown: the item does not say it, or says that its values are on another scale.
    """
    if declared != "item":
        return (declared,) * len(assets), f"profile: {declared}"
    for name in _APPLIED:
        if properties.get(name) is True:
            return (0,) * len(assets), f"{name}: 0"
    bands = [_raster(asset) for asset in assets]
    if any("scale" in band and round(band["scale"] * _UNITS, 6) != 1 for band in bands):
        raise Unknown("its values are not reflectance x 10,000 (raster scale)")
    if all("offset" in band for band in bands):
        added = tuple(round(band["offset"] * _UNITS) for band in bands)
        return added, f"raster offset: {min(added)}"
    for name in _BASELINE:
        if (baseline := _number(properties.get(name))) is not None:
            added_by_all = -_ADDED if baseline >= _ADDED_SINCE else 0
            return (added_by_all,) * len(assets), f"{name} {properties[name]}: {added_by_all}"
    raise Unknown(
        "neither a processing baseline nor a raster offset says whether 1,000 was added to its "
        "values; if you know it, set satellite.offset"
    )


def _raster(asset: Mapping[str, Any]) -> dict[str, float]:
    """`scale` and `offset` that a file's fields give, in the form of either raster extension."""
    first: Any = next(iter(asset.get("raster:bands") or asset.get("bands") or ()), {})
    places: list[Mapping[str, Any]] = [asset, first if isinstance(first, Mapping) else {}]
    found = {}
    for key in ("scale", "offset"):
        for place in places:
            value = place.get(f"raster:{key}", place.get(key) if place is not asset else None)
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[key] = float(value)
    return found


def _number(text: object) -> float | None:
    try:
        return float(str(text)) if text is not None else None
    except ValueError:
        return None
