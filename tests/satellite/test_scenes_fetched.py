"""A unit's scene: the truth where it is clear, nothing elsewhere."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform
from support.stac import (
    CELLS,
    LEFT,
    TOP,
    UNIT,
    UTM,
    WEEK,
    WIDE,
    SceneFetcher,
    StacSite,
    in_cells,
    square,
    truth,
    truth_of,
)

from pipelines.contracts import BANDS
from pipelines.errors import ConfigError

MONDAY, TUESDAY, FRIDAY = date(2024, 11, 4), date(2024, 11, 5), date(2024, 11, 8)
OF_UNIT = np.s_[3:7, 2:7]


def covered(*cells: tuple[int, int]) -> np.ndarray:
    """A cloud over these cells (row, column) of the usual unit."""
    cloud = np.zeros((CELLS, CELLS), dtype=bool)
    for row, column in cells:
        cloud[row + 3, column + 2] = True
    return cloud


def test_a_scene_is_the_truth_of_a_clear_day(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(TUESDAY)
    done = fetch()
    assert [record.scene for record in done.written] == [f"images/{UNIT}/image_2024-11-03.tiff"]
    assert fetch.scene().shape == (12, 24, 30)
    assert np.array_equal(in_cells(fetch.scene()), truth_of(TUESDAY))
    assert done.bytes_read == site.sent


def test_a_scene_lies_where_the_unit_does(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(TUESDAY)
    fetch()
    with rasterio.open(fetch.to / f"images/{UNIT}/image_2024-11-03.tiff") as scene:
        assert (scene.crs.to_string(), scene.nodata, scene.res) == (UTM, 0, (40, 40))
        assert scene.bounds[:2] == (LEFT + 2 * 240, TOP - 7 * 240)
        assert scene.compression.name == "deflate"
        assert scene.descriptions == BANDS


def test_clouds_are_left_out_and_counted(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(MONDAY, cloudy=covered((0, 0), (1, 1)))
    (record,) = fetch().written
    expected = truth_of(MONDAY)
    expected[:, 0, 0] = expected[:, 1, 1] = 0
    assert np.array_equal(in_cells(fetch.scene()), expected)
    assert (record.clear_share, record.cloud_share) == (0.9, 0.1)


def test_a_pixel_is_the_median_of_its_clear_days(site: StacSite, fetch: SceneFetcher) -> None:
    days = (MONDAY, TUESDAY, FRIDAY)
    site.add(MONDAY, cloudy=covered((0, 0), (2, 2)))
    site.add(TUESDAY, cloudy=covered((0, 0), (1, 1), (2, 2)))
    site.add(FRIDAY, cloudy=covered((2, 2)))
    (record,) = fetch().written
    seen = np.stack([truth_of(day) for day in days]).astype(float)
    expected = np.median(seen, axis=0)
    expected[:, 0, 0] = seen[2, :, 0, 0]
    expected[:, 1, 1] = np.floor((seen[0, :, 1, 1] + seen[2, :, 1, 1] + 1) / 2)
    expected[:, 2, 2] = 0
    assert np.array_equal(in_cells(fetch.scene()), expected)
    assert record.observation_days == {MONDAY: 0.9, TUESDAY: 0.85, FRIDAY: 0.95}


def test_what_is_outside_the_unit_is_nodata(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(TUESDAY)
    (ring,) = square(2, 3, 5, 4)
    fetch.units = {UNIT: [(np.delete(ring, 2, axis=0),)]}  # a triangle
    (record,) = fetch().written
    scene = fetch.scene()
    lit = (scene != 0).any(axis=0)
    assert np.array_equal(lit, (scene != 0).all(axis=0))
    assert 0.45 < lit.mean() < 0.55
    assert record.clear_share == 1


def test_a_coarser_scene_reads_the_pyramids(site: StacSite, fetch: SceneFetcher) -> None:
    name = site.add(TUESDAY, noise=1)
    fetch.units = {UNIT: [square(0, 0, CELLS, CELLS)]}
    whole = sum(len(body) for path, body in site.bodies.items() if path.startswith(f"/{name}"))
    coarse = fetch(resolution_m=40).bytes_read
    fine = fetch(resolution_m=10).bytes_read
    assert fine > 0.6 * whole
    assert coarse < 0.45 * whole


def test_a_small_unit_reads_a_part_of_each_file(site: StacSite, fetch: SceneFetcher) -> None:
    name = site.add(TUESDAY, noise=1)
    fetch.units = {UNIT: [square(1, 1, 2, 2)]}
    fetch(resolution_m=10)
    asked = [path for path in site.bodies if path.endswith("B02.tif")]
    parts = [text.removeprefix("bytes=").split("-") for text in site.ranges(asked[0]) if text]
    assert name in asked[0]
    assert sum(int(b) - int(a) + 1 for a, b in parts) < 0.5 * len(site.bodies[asked[0]])


def test_a_unit_on_two_tiles_is_one_scene(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(TUESDAY)
    site.add(TUESDAY, east=1)
    fetch.units = {UNIT: [square(CELLS - 2, 3, 5, 4)]}
    (record,) = fetch().written
    both = [
        np.hstack([truth(TUESDAY, band)[3:7, -2:], truth(TUESDAY, band, 1)[3:7, :3]])
        for band in BANDS
    ]
    assert np.array_equal(in_cells(fetch.scene()), np.stack(both))
    assert (record.clear_share, record.observation_days) == (1, {TUESDAY: 1})


def test_two_editions_of_a_tile_count_as_one_day(site: StacSite, fetch: SceneFetcher) -> None:
    old = site.add(TUESDAY)
    for path, body in list(site.bodies.items()):
        site.bodies[path.replace(old, "edition2")] = body
    newer = dict(site.items[0], id="edition2")
    newer["assets"] = {
        key: {"href": one["href"].replace(old, "edition2")} for key, one in newer["assets"].items()
    }
    site.items.append(newer)
    site.add(FRIDAY)
    (record,) = fetch().written
    assert list(record.observation_days) == [TUESDAY, FRIDAY]
    middle = (truth_of(TUESDAY).astype(int) + truth_of(FRIDAY) + 1) // 2
    assert np.array_equal(in_cells(fetch.scene()), middle)


def test_the_newer_edition_of_a_tile_is_shown(site: StacSite, fetch: SceneFetcher) -> None:
    """A later baseline has better values, whatever the items are called."""
    for edition, baseline, green in (("a", "05.11", 3000), ("z", "05.09", 2500)):
        name = site.add(TUESDAY, added=1000, s2__processing_baseline=baseline)
        for path in [path for path in site.bodies if path.startswith(f"/{name}/")]:
            site.bodies[path.replace(name, edition)] = site.bodies.pop(path)
        site.bodies[f"/{edition}/B03.tif"] = site.constant(green, 10)
        site.items[-1]["id"] = edition
        for asset in site.items[-1]["assets"].values():
            asset["href"] = asset["href"].replace(name, edition)
    fetch()
    assert (fetch.scene()[BANDS.index("B03")] == 2000).all()


def test_a_pixel_that_one_band_lacks_is_left_out(site: StacSite, fetch: SceneFetcher) -> None:
    name = site.add(TUESDAY)
    site.bodies[f"/{name}/B11.tif"] = site.constant(0, 20)
    site.add(FRIDAY)
    (record,) = fetch().written
    assert list(record.observation_days) == [FRIDAY]
    assert np.array_equal(in_cells(fetch.scene()), truth_of(FRIDAY))


def test_a_tile_of_the_next_zone_is_laid_right(site: StacSite, fetch: SceneFetcher) -> None:
    """Each pixel has the value of the tile's pixel that lies there, whatever plane it is in."""
    other = "EPSG:32619"
    (x,), (y,) = transform(UTM, other, [LEFT], [TOP])
    left, top = (round(v / 240) * 240 for v in (x, y))
    site.add(TUESDAY, crs=other, corner=(left, top))
    fetch.units = {UNIT: [square(4, 5, 6, 5)]}
    (record,) = fetch().written
    rows, columns = np.indices(fetch.scene().shape[1:])
    xs, ys = transform(
        UTM,
        other,
        (LEFT + 4 * 240 + 20 + 40 * columns).ravel(),
        (TOP - 5 * 240 - 20 - 40 * rows).ravel(),
    )
    at = (
        (np.floor((top - np.array(ys)) / 240).astype(int)),
        (np.floor((np.array(xs) - left) / 240).astype(int)),
    )
    expected = truth(TUESDAY, "B04")[at].reshape(rows.shape)
    assert record.clear_share > 0.99
    assert (fetch.scene()[3] == expected).mean() > 0.97  # half a pixel beside a cell's edge


@pytest.mark.parametrize(
    ("day", "width", "reason"),
    [
        (MONDAY, 50 * WIDE, "the catalogue has no item of the unit in this period"),
        (date(2024, 11, 10), 0, "the catalogue has no item of the unit in this period"),
    ],
)
def test_a_unit_or_a_week_that_no_item_reaches_has_no_scene(
    site: StacSite, fetch: SceneFetcher, day: date, width: int, reason: str
) -> None:
    site.add(day)
    fetch.units = {UNIT: [square(width // 240, 3, 5, 4)]}
    (record,) = fetch().without
    assert (record.scene, record.reason, record.age_days) == ("", reason, None)
    assert fetch.files() == {}


def test_an_item_whose_files_end_before_the_unit_gives_none(
    site: StacSite, fetch: SceneFetcher
) -> None:
    site.add(MONDAY)
    site.items[0]["bbox"] = [-76, 5, -74, 7]
    fetch.units = {UNIT: [square(3 * CELLS, 3, 5, 4)]}
    (record,) = fetch().without
    assert record.reason == "no item reaches the unit"
    assert record.cloud_share is None


def test_too_little_that_is_clear_is_no_scene(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(MONDAY, cloudy=covered(*[(row, column) for row in range(4) for column in range(3)]))
    (record,) = fetch().without
    assert record.reason == "40% of the unit is clear, 50% is wanted"
    assert (record.clear_share, record.cloud_share) == (0.4, 0.6)
    assert len(fetch(min_clear_share=0.4).written) == 1


def test_under_clouds_alone_no_band_is_read(site: StacSite, fetch: SceneFetcher) -> None:
    name = site.add(MONDAY, cloudy=np.ones((CELLS, CELLS), dtype=bool))
    (record,) = fetch().without
    assert record.reason == "nothing of the unit is clear"
    assert record.items == {name: "nothing clear"}
    assert {asked.path for asked in site.asked if name in asked.path} == {f"/{name}/SCL.tif"}


def test_the_age_is_that_of_the_newest_clear_day(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(MONDAY)
    site.add(FRIDAY, cloudy=np.ones((CELLS, CELLS), dtype=bool))
    (record,) = fetch().written
    assert record.age_days == (WEEK.last - MONDAY).days == 5


def test_shapes_that_are_not_in_degrees_are_refused(fetch: SceneFetcher) -> None:
    ring = np.array([[499200.0, 686400], [500000, 686400], [500000, 685000], [499200, 686400]])
    fetch.units = {UNIT: [(ring,)]}
    with pytest.raises(ConfigError, match="not in longitude and latitude"):
        fetch()
