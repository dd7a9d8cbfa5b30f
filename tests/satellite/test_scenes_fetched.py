"""A unit's scene: the truth where it is clear, nothing elsewhere."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import rasterio
from support.stac import HURRIED, StacSite, in_cells, read, settings_for, square, truth

from pipelines.satellite import fetch_scenes
from pipelines.satellite.periods import Period
from pipelines.satellite_config import BANDS

WEEK = Period(date(2024, 11, 3), date(2024, 11, 9))
LATER = date(2025, 1, 1)


def test_a_scene_is_the_truth_of_a_clear_day(site: StacSite, tmp_path: Path) -> None:
    site.add(date(2024, 11, 5))
    units = {"05001": [square(2, 3, 5, 4)]}
    done = fetch_scenes(settings_for(site), units, [WEEK], tmp_path, LATER, HURRIED)
    assert [record.scene for record in done.written] == ["images/05001/image_2024-11-03.tiff"]
    scene = read(tmp_path / "images/05001/image_2024-11-03.tiff")
    assert scene.shape == (12, 24, 30)
    expected = np.stack([truth(date(2024, 11, 5), band)[3:7, 2:7] for band in BANDS])
    assert np.array_equal(in_cells(scene), expected)
    assert done.bytes_read == site.sent
