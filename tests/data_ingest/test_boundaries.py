"""Boundaries: which shape is which unit's, and what is said of files that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.shapes import feature, grid, square, written

from pipelines.codes import TextCodes
from pipelines.contracts import Level
from pipelines.data import geojson
from pipelines.data.boundaries import UnitShapes, boundary_issues, unit_shapes
from pipelines.errors import ConfigError
from pipelines.place_config import BoundariesConfig

UNITS = ("VN-01", "VN-02", "VN-03")
CODES = TextCodes()


def found(
    file: Path, units: tuple[str, ...] = UNITS, codes: TextCodes = CODES, code: str | None = None
) -> UnitShapes:
    return unit_shapes(BoundariesConfig(file=file, code=code), units, codes)


def refused(file: Path, **how: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        found(file, **how)
    assert caught.value.where == str(file) and caught.value.fix
    return caught.value


def test_the_property_that_holds_the_units_codes_is_found(tmp_path: Path) -> None:
    shapes = [
        feature(at, [square(at, 0)], name="Town", pcode=unit) for at, unit in enumerate(UNITS)
    ]
    of = found(written(tmp_path / "f.geojson", shapes))
    assert (of.code, sorted(of.of_units), of.other_codes) == ("pcode", list(UNITS), ())


def test_codes_are_read_as_the_place_writes_them(tmp_path: Path) -> None:
    file = written(tmp_path / "f.geojson", grid([5001, 5002.0, "05003"]))
    padded = TextCodes(pad_to=5)
    assert sorted(found(file, ("05001", "05002", "05003"), padded).of_units) == [
        "05001",
        "05002",
        "05003",
    ]


def test_a_code_may_stand_as_the_features_id(tmp_path: Path) -> None:
    shapes = [{**feature(None, [square(0, 0)]), "id": "VN-01"}]
    assert found(written(tmp_path / "f.geojson", shapes)).code == "id"


def test_a_unit_of_several_features_has_the_polygons_of_all(tmp_path: Path) -> None:
    shapes = [feature("VN-01", [square(0, 0)]), feature("VN-01", [square(5, 5)], [square(9, 9)])]
    assert len(found(written(tmp_path / "f.geojson", shapes)).of_units["VN-01"]) == 3


def test_what_either_side_lacks_is_warned_of(tmp_path: Path) -> None:
    file = written(tmp_path / "f.geojson", grid(["VN-01", "VN-02", "VN-99"]))
    bare, other = boundary_issues(BoundariesConfig(file=file), UNITS, CODES)
    assert (bare.code, bare.level, bare.place, bare.rows) == (
        "units-without-shape",
        Level.WARNING,
        "f.geojson",
        1,
    )
    assert "1 of 3 units have no shape and are on no map: VN-03" in bare.message
    assert (other.code, other.level) == ("shapes-without-unit", Level.WARNING)
    assert "VN-99" in other.message and "'VN-01'" in other.fix


def test_a_unit_whose_feature_has_no_polygon_has_no_shape(tmp_path: Path) -> None:
    file = written(tmp_path / "f.geojson", [*grid(UNITS[:2]), feature("VN-03")])
    (bare,) = boundary_issues(BoundariesConfig(file=file), UNITS, CODES)
    assert "VN-03" in bare.message


def test_shapes_that_fit_no_unit_are_an_error_that_stops_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "f.geojson", grid(["HN1", "HN2"]))
    (bad,) = boundary_issues(BoundariesConfig(file=file), UNITS, CODES)
    assert (bad.code, bad.level) == ("boundaries-unusable", Level.ERROR)
    assert "code (such as 'HN1')" in bad.fix and "VN-01" in bad.fix


def test_two_properties_that_fit_equally_well_must_be_told_apart(tmp_path: Path) -> None:
    turned = [feature(unit, [square(at, 0)], other=UNITS[-1 - at]) for at, unit in enumerate(UNITS)]
    file = written(tmp_path / "f.geojson", turned)
    assert "place.boundaries.code" in refused(file).fix
    assert found(file, code="other").code == "other"


def test_a_declared_property_that_no_shape_has_is_refused_with_those_there_are(
    tmp_path: Path,
) -> None:
    file = written(tmp_path / "f.geojson", grid(UNITS))
    assert "code (such as 'VN-01')" in refused(file, code="pcode").fix


CONTENT = {
    "topology": (json.dumps({"type": "Topology", "objects": {}}), "no FeatureCollection but 'Topology'"),
    "one geometry": (json.dumps({"type": "Polygon", "coordinates": []}), "no FeatureCollection but 'Polygon'"),
    "a list": ("[]", "no FeatureCollection but 'list'"),
    "no JSON": ("PK\x03\x04", "no JSON"),
    "brackets without an end": ("[" * 100_000, "no JSON"),
    "nothing in it": (json.dumps({"type": "FeatureCollection", "features": []}), "no polygon"),
    "a feature that is none": (json.dumps({"type": "FeatureCollection", "features": [7]}), "feature 1"),
    "a ring of two points": (json.dumps({"type": "FeatureCollection", "features": [feature("A", [[(0, 0), (1, 1)]])]}), "feature 1"),
    "coordinates of text": (json.dumps({"type": "FeatureCollection", "features": [feature("A", [[("a", "b")] * 4])]}), "feature 1"),
    "a place at infinity": (json.dumps({"type": "FeatureCollection", "features": [feature("A", [[(0, 0), (1, float("inf")), (1, 1), (0, 0)]])]}), "feature 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTENT)
def test_a_file_that_cannot_be_used_is_refused_with_what_it_is(tmp_path: Path, name: str) -> None:
    file = tmp_path / "f.geojson"
    file.write_text(CONTENT[name][0], encoding="utf-8")
    assert CONTENT[name][1] in refused(file).what


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "place.boundaries" in refused(tmp_path / "none.geojson").fix


@pytest.mark.parametrize(("limit", "words"), [("MAX_VERTICES", "points"), ("MAX_BYTES", "MB")])
def test_a_file_larger_than_a_map_needs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, words: str
) -> None:
    monkeypatch.setattr(geojson, limit, 14)
    error = refused(written(tmp_path / "f.geojson", grid(UNITS)))
    assert words in error.what and "mapshaper" in error.fix


def test_a_third_coordinate_and_an_open_ring_are_taken(tmp_path: Path) -> None:
    ring = [(*point, 7.0) for point in square(0, 0)[:4]]
    (polygon,) = found(written(tmp_path / "f.geojson", [feature("VN-01", [ring])])).of_units[
        "VN-01"
    ]
    assert polygon[0].tolist() == [list(point) for point in square(0, 0)]


def test_a_profile_says_the_file_alone_or_with_its_property(tmp_path: Path) -> None:
    assert BoundariesConfig.model_validate("a.geojson") == BoundariesConfig(file=Path("a.geojson"))
