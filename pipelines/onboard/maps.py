"""The shapes of the units: held against the files' codes, and laid beside the profile."""

from __future__ import annotations

from pathlib import Path

from pipelines.codes import UnitCodes
from pipelines.data.boundaries import gaps, unit_shapes
from pipelines.data.tables import Tables
from pipelines.errors import ConfigError
from pipelines.onboard.answers import Answers
from pipelines.onboard.findings import Findings
from pipelines.onboard.writing import Part
from pipelines.place_config import BoundariesConfig
from pipelines.storage import write_atomic

_SUFFIX = ".geojson"


def map_parts(
    name: str, answers: Answers, tables: Tables, codes: UnitCodes, findings: Findings
) -> list[Part]:
    """`place.boundaries`, if a file was said; the property that was found is written down.

    Raises:
        ConfigError: the file cannot be used, or has no shape of any unit.
    """
    if answers.boundaries is None:
        return []
    declared = BoundariesConfig(file=answers.boundaries, code=answers.boundaries_code)
    units = sorted(map(str, tables.units["unit_id"]))
    try:
        found = unit_shapes(declared, units, codes)
    except ConfigError as err:
        fix = err.fix.replace("place.boundaries.code", "--boundaries-code")
        raise ConfigError(err.what, where=err.where, fix=fix) from err
    finding = (
        f"{len(found.of_units)} of {len(units)} units have a shape, by the property {found.code!r}"
    )
    findings.add("map", finding)
    for one in gaps(found, units, declared.file.name):
        findings.add("map", f"{one.level.value}: {one.message}; {one.fix}")
    value = {"file": f"{name}{_SUFFIX}", "code": found.code}
    return [Part("place.boundaries", value, (f"{declared.file.name}: {finding}",))]


def lay_beside(profile: Path, boundaries: Path) -> None:
    """Copy the shapes into the profile's folder, under its name.

    Raises:
        ConfigError: other shapes lie there.
    """
    target, content = profile.with_suffix(_SUFFIX), boundaries.read_bytes()
    if target.is_file() and target.read_bytes() != content:
        raise ConfigError(
            "other shapes of that name are there already; they are never overwritten",
            where=str(target),
            fix="choose another --name, or move that file away",
        )
    write_atomic(target, content)
