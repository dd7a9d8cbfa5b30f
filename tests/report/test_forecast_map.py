"""The map of a forecast: what is drawn for whom, and that nothing else is in it."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.shapes import feature, grid, square, written

from pipelines.codes import TextCodes
from pipelines.data.boundaries import UnitShapes, unit_shapes
from pipelines.evaluate.forecast_map import _Frame, forecast_map
from pipelines.place_config import BoundariesConfig
from pipelines.words import words_of

UNITS = [f"VN-{at:02d}" for at in range(45)]


def shapes_of(file: Path, units: list[str] = UNITS) -> UnitShapes:
    return unit_shapes(BoundariesConfig(file=file), units, TextCodes())


def rows_of(units: list[str], alarm: float = 0.6) -> pd.DataFrame:
    chance = np.linspace(0, 1, len(units))
    return pd.DataFrame(
        {"municipality_code": units, "probability": chance, "outbreak_expected": chance >= alarm}
    )


def picture(shapes: UnitShapes, rows: pd.DataFrame) -> str:
    head, _, body = forecast_map(shapes, rows).partition(",")
    assert head == "data:image/svg+xml;base64"
    return base64.b64decode(body).decode()


@pytest.fixture
def districts(tmp_path: Path) -> UnitShapes:
    """45 squares, and two of places that are not in the data."""
    return shapes_of(written(tmp_path / "grid.geojson", grid([*UNITS, "XX-1", "XX-2"])))


def test_every_unit_is_drawn_and_the_picture_is_the_same_every_time(districts: UnitShapes) -> None:
    one = picture(districts, rows_of(UNITS))
    assert one == picture(districts, rows_of(UNITS))
    assert one.count("stroke: #22313a; stroke-width: 1.6") == (
        rows_of(UNITS)["outbreak_expected"].sum() + 1
    )


def test_units_without_a_forecast_are_hatched(districts: UnitShapes) -> None:
    assert "<pattern" not in picture(districts, rows_of(UNITS))
    assert "<pattern" in picture(districts, rows_of(UNITS[:40]))


def test_a_hole_stays_empty_however_its_ring_runs(tmp_path: Path) -> None:
    for hole in (square(1, 1), square(1, 1)[::-1]):
        file = written(tmp_path / "f.geojson", [feature("VN-00", [square(0, 0, 3), hole])])
        polygons = shapes_of(file).of_units["VN-00"]
        path = _Frame([polygons, ()]).path(polygons)
        turning = [np.sign(_area(ring)) for ring in path.to_polygons()]
        assert sorted(turning) == [-1, 1]


def test_a_unit_smaller_than_a_point_of_the_map_is_still_there(tmp_path: Path) -> None:
    file = written(
        tmp_path / "f.geojson",
        [feature("VN-00", [square(0, 0, 50)]), feature("VN-01", [square(60, 0, 0.001)])],
    )
    found = shapes_of(file).of_units
    assert len(_Frame([*found.values(), ()]).path(found["VN-01"])) >= 4


def test_islands_on_both_sides_of_the_date_line_lie_side_by_side(tmp_path: Path) -> None:
    file = written(
        tmp_path / "f.geojson",
        [feature("VN-00", [square(178, -18)]), feature("VN-01", [square(-179, -18)])],
    )
    frame = _Frame([*shapes_of(file).of_units.values(), ()])
    assert frame.x[1] - frame.x[0] < 5


def test_coordinates_of_a_projected_plane_keep_their_shape(tmp_path: Path) -> None:
    file = written(tmp_path / "f.geojson", [feature("VN-00", [square(500_000, 9_000_000, 1000)])])
    assert _Frame([*shapes_of(file).of_units.values(), ()]).aspect == 1.0


def test_many_points_of_one_spot_are_drawn_once(tmp_path: Path) -> None:
    angle = np.linspace(0, 2 * np.pi, 50_000)
    ring = [(float(x), float(y)) for x, y in zip(np.cos(angle), np.sin(angle), strict=True)]
    polygons = shapes_of(
        written(tmp_path / "f.geojson", [feature("VN-00", [[*ring[:-1], ring[0]]])])
    ).of_units["VN-00"]
    assert len(_Frame([polygons, ()]).path(polygons)) < 6000


def _area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))


def test_doubts_are_signs_on_the_map_and_named_in_its_legend(districts: UnitShapes) -> None:
    rows = rows_of(UNITS).assign(state="")
    plain = picture(districts, rows)
    rows.loc[3, "state"] = "unconfirmed"
    risen = picture(districts, rows)
    assert "<!-- ? -->" in risen and "<!-- ? -->" not in plain
    rows.loc[7, ["state", "probability"]] = ["held", None]
    legend = base64.b64decode(
        forecast_map(districts, rows, words_of("pt")).partition(",")[2]
    ).decode()
    for key in ("map-unconfirmed", "map-held"):
        assert f"<!-- {words_of('pt')(key)} -->" in legend
    assert f"<!-- {words_of('pt')('map-no-forecast')} -->" not in legend
