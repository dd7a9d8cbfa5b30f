"""The units of a place by its GeoJSON."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.codes import UnitCodes
from pipelines.data.geojson import Polygon, read_features
from pipelines.errors import ConfigError
from pipelines.place_config import BoundariesConfig


def units_of(
    declared: BoundariesConfig | None, codes: UnitCodes, only: Sequence[str] = ()
) -> dict[str, tuple[Polygon, ...]]:
    """Unit code -> its polygons, of all features or of the codes in `only`.

    Raises:
        ConfigError: there are no boundaries, it is not said which property holds the codes, a code
            is none or no name of a folder, or a unit of `only` has no shape.
    """
    if declared is None or declared.code is None:
        raise ConfigError(
            "the profile does not say where the units' shapes and codes are",
            where="place.boundaries",
            fix="write boundaries: {file: units.geojson, code: <the property with the codes>}",
        )
    found: dict[str, tuple[Polygon, ...]] = {}
    for feature in read_features(declared.file):
        text = feature.texts.get(declared.code, "")
        unit = codes.normalise(text)
        if unit is None or unit.startswith(".") or {"/", "\\"} & set(unit):
            raise ConfigError(
                f"a shape's code {text[:40]!r} is no {codes.name}, or cannot name a folder",
                where=str(declared.file),
                fix=f"correct the property {declared.code!r}, or place.boundaries.code",
            )
        if feature.polygons:
            found[unit] = (*found.get(unit, ()), *feature.polygons)
    wanted = {code: codes.normalise(code) for code in only}
    if absent := [code for code, unit in wanted.items() if unit not in found]:
        raise ConfigError(
            f"unit {absent[0]!r} has no shape",
            where=str(declared.file),
            fix="correct --unit, or add the shape",
        )
    return {unit: found[unit] for unit in sorted(found) if not only or unit in wanted.values()}
