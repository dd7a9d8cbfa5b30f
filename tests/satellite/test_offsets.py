"""Values are reflectance x 10,000 without an offset, whichever way a catalogue says what it did."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from support.stac import SceneFetcher, StacSite, in_cells, truth_of

from pipelines.contracts import BANDS
from pipelines.satellite.offsets import Unknown, offsets_of

DAY = date(2024, 11, 5)
NEW, OLD = {"s2:processing_baseline": "05.11"}, {"s2:processing_baseline": "03.01"}
IN_FILE = {"raster:bands": [{"scale": 0.0001, "offset": -0.1}]}
IN_STAC_1_1 = {"raster:scale": 0.0001, "raster:offset": -0.1}
APPLIED = {"earthsearch:boa_offset_applied": True}


@pytest.mark.parametrize(
    ("properties", "asset", "added", "rule"),
    [
        (NEW, {}, -1000, "s2:processing_baseline 05.11: -1000"),
        ({"s2:processing_baseline": "04.00"}, {}, -1000, "s2:processing_baseline 04.00: -1000"),
        (OLD, {}, 0, "s2:processing_baseline 03.01: 0"),
        ({"processing:version": "05.09"}, {}, -1000, "processing:version 05.09: -1000"),
        ({}, IN_FILE, -1000, "raster offset: -1000"),
        ({}, IN_STAC_1_1, -1000, "raster offset: -1000"),
        ({}, {"bands": [{"raster:offset": 0}]}, 0, "raster offset: 0"),
        ({}, {"bands": [{"name": "red"}], **IN_STAC_1_1}, -1000, "raster offset: -1000"),
        # Earth Search leaves the offset in raster:bands where it has taken it off
        (NEW | APPLIED, IN_FILE, 0, "earthsearch:boa_offset_applied: 0"),
        (NEW | {"earthsearch:boa_offset_applied": False}, IN_FILE, -1000, "raster offset: -1000"),
        (OLD, {"raster:bands": [{"nodata": 0}]}, 0, "s2:processing_baseline 03.01: 0"),
    ],
)
def test_the_rule_that_fits_is_used_and_named(
    properties: dict[str, Any], asset: dict[str, Any], added: int, rule: str
) -> None:
    assert offsets_of(properties, [asset] * 12, "item") == ((added,) * 12, rule)


def test_what_the_profile_says_goes_before_the_item() -> None:
    assert offsets_of(NEW, [IN_FILE] * 12, 0) == ((0,) * 12, "profile: 0")
    assert offsets_of({}, [{}] * 12, -1000) == ((-1000,) * 12, "profile: -1000")


@pytest.mark.parametrize(
    ("properties", "asset", "why"),
    [
        ({}, {}, "neither a processing baseline nor a raster offset"),
        ({"s2:processing_baseline": "unknown"}, {}, "neither a processing baseline"),
        (NEW, {"raster:bands": [{"scale": 2.75e-05, "offset": -0.2}]}, "not reflectance x 10,000"),
    ],
)
def test_values_whose_meaning_nobody_says_are_not_guessed(
    properties: dict[str, Any], asset: dict[str, Any], why: str
) -> None:
    with pytest.raises(Unknown, match=why):
        offsets_of(properties, [asset] * 12, "item")


def test_an_old_and_a_new_item_come_to_one_scale(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(date(2024, 11, 4), added=1000, s2__processing_baseline="04.00")
    site.add(date(2024, 11, 8), s2__processing_baseline="03.01")
    (record,) = fetch().written
    middle = (truth_of(date(2024, 11, 4)).astype(int) + truth_of(date(2024, 11, 8)) + 1) // 2
    assert np.array_equal(in_cells(fetch.scene()), middle)
    assert list(record.items.values()) == [
        "s2:processing_baseline 04.00: -1000",
        "s2:processing_baseline 03.01: 0",
    ]


def test_a_value_below_the_offset_is_dark_and_not_nodata(
    site: StacSite, fetch: SceneFetcher
) -> None:
    site.add(DAY, added=1000, s2__processing_baseline="05.11")
    for path in [path for path in site.bodies if path.endswith("B12.tif")]:
        site.bodies[path] = site.constant(900, 20)
    fetch()
    assert (fetch.scene()[BANDS.index("B12")] == 1).all()


def test_an_item_whose_values_contradict_it_is_passed_over(
    site: StacSite, fetch: SceneFetcher
) -> None:
    """Catalogues have taken the offset off and said that they have not."""
    wrong = site.add(DAY, s2__processing_baseline="05.11")
    site.bodies[f"/{wrong}/B03.tif"] = site.constant(640, 10)  # a forest's green
    (record,) = fetch().without
    assert "half of its values are below 1000" in record.items[wrong]
    assert record.reason.startswith("no item can be used; passed over: half of its values")
    assert len(fetch(offset=0).written) == 1


def test_an_item_that_says_nothing_is_passed_over(site: StacSite, fetch: SceneFetcher) -> None:
    site.add(DAY, platform="sentinel-2a")
    (record,) = fetch().without
    assert "set satellite.offset" in record.reason
    assert len(fetch(offset=0).written) == 1
