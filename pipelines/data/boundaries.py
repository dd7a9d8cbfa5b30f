"""Which shape is which unit's: a place's declared boundaries, held against the data's codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.codes import UnitCodes
from pipelines.contracts import Issue, Level
from pipelines.data.geojson import Feature, Polygon, read_features
from pipelines.data.raw import issue
from pipelines.errors import ConfigError
from pipelines.place_config import BoundariesConfig

_NAMED = 5


@dataclass(frozen=True)
class UnitShapes:
    """Shapes of a file by the data's codes.

    Attributes:
        code: the property that holds them.
        of_units: unit_id -> its polygons; a unit of several features has those of all.
        others: polygons of what is no unit of the data, and the codes that they have.
    """

    code: str
    of_units: dict[str, tuple[Polygon, ...]]
    others: tuple[Polygon, ...]
    other_codes: tuple[str, ...]


def unit_shapes(declared: BoundariesConfig, units: Iterable[str], codes: UnitCodes) -> UnitShapes:
    """The shapes of these units.

    Raises:
        ConfigError: the file cannot be used, or none of its properties holds the units' codes.
    """
    features = [f for f in read_features(declared.file) if f.polygons]
    known = frozenset(units)
    name, whose = _fitting(declared, features, known, codes)
    of_units: dict[str, tuple[Polygon, ...]] = {}
    rest: list[Feature] = []
    for feature, unit in zip(features, whose, strict=True):
        if unit is None:
            rest.append(feature)
        else:
            of_units[unit] = (*of_units.get(unit, ()), *feature.polygons)
    polygons = tuple(polygon for feature in rest for polygon in feature.polygons)
    return UnitShapes(name, of_units, polygons, tuple(f.texts.get(name, "no code") for f in rest))


def boundary_issues(
    declared: BoundariesConfig | None, units: Iterable[str], codes: UnitCodes
) -> list[Issue]:
    """What a person must know of the declared boundaries. A bad map stops no run."""
    known = sorted(units)
    if declared is None or not known:
        return []
    try:
        return gaps(unit_shapes(declared, known, codes), known, declared.file.name)
    except ConfigError as err:
        what = f"there will be no map: {err.what}"
        return [issue(Level.ERROR, "boundaries-unusable", what, declared.file.name, err.fix)]


def gaps(found: UnitShapes, units: Sequence[str], file: str) -> list[Issue]:
    """Units without a shape, and shapes without a unit."""
    bare, other = [unit for unit in units if unit not in found.of_units], found.other_codes
    out = []
    if bare:
        what = f"{len(bare)} of {len(units)} units have no shape and are on no map: {_some(bare)}"
        fix = f"add their shapes, or correct the codes in the property {found.code!r}"
        out.append(issue(Level.WARNING, "units-without-shape", what, file, fix, rows=len(bare)))
    if other:
        what = f"{len(other)} shapes are of no unit of the data and stay empty: {_some(other)}"
        fix = (
            "nothing, if these places report no cases; else write both the same way: the data's "
            f"codes are like {units[0]!r}"
        )
        out.append(issue(Level.WARNING, "shapes-without-unit", what, file, fix, rows=len(other)))
    return out


def _fitting(
    declared: BoundariesConfig, features: Sequence[Feature], units: frozenset[str], codes: UnitCodes
) -> tuple[str, list[str | None]]:
    """The property with the codes of most units, and the unit of each feature by it."""
    names = list(dict.fromkeys(name for f in features for name in f.texts))
    if declared.code is not None and declared.code not in names:
        raise ConfigError(
            f"no shape has a property {declared.code!r}",
            where=str(declared.file),
            fix=f"set place.boundaries.code to one of {_listed(names, features)}",
        )
    tried = {
        name: _units_by(name, features, units, codes)
        for name in names
        if declared.code in (None, name)
    }
    hits = {name: len(set(whose) - {None}) for name, whose in tried.items()}
    most = max(hits.values(), default=0)
    if not most:
        raise ConfigError(
            "none of its shapes has the code of a unit of the data",
            where=str(declared.file),
            fix=(
                f"the data's codes are like {_some(sorted(units))}; the shapes have "
                f"{_listed(names, features)}: write the codes into a property, or set place.codes "
                "so that both are read alike"
            ),
        )
    best = [name for name, n in hits.items() if n == most]
    if any(tried[name] != tried[best[0]] for name in best):
        raise ConfigError(
            f"the properties {' and '.join(map(repr, best))} fit the units' codes equally well "
            "and say different units",
            where=str(declared.file),
            fix="say which one holds the codes: place.boundaries.code",
        )
    return best[0], tried[best[0]]


def _units_by(
    name: str, features: Sequence[Feature], units: frozenset[str], codes: UnitCodes
) -> list[str | None]:
    found = [codes.normalise(f.texts[name]) if name in f.texts else None for f in features]
    return [unit if unit in units else None for unit in found]


def _listed(names: Sequence[str], features: Sequence[Feature]) -> str:
    """Properties, each with a value."""
    values = {name: text for f in reversed(features) for name, text in f.texts.items()}
    shown = [f"{name} (such as {values[name][:30]!r})" for name in names[:12]]
    return ", ".join(shown) or "no property at all"


def _some(codes: Sequence[str]) -> str:
    return ", ".join(codes[:_NAMED]) + (", ..." if len(codes) > _NAMED else "")
