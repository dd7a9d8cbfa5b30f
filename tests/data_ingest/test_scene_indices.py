"""What a scene's bands say plainly: values by hand, what is left out of them, and how often they
are computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from support.desk import Desk
from support.drops import CONTEXT

from pipelines.config import ScenePolicy
from pipelines.contracts import BANDS, SCENE_COVARIATES
from pipelines.data.drops import read_drop
from pipelines.data.pixels import decode_values
from pipelines.data.scene_indices import INDEX_COLUMNS, scene_indices
from pipelines.data.scenes import scan_scenes
from pipelines.data_config import DataConfig

POLICY = ScenePolicy()
ASKED = ScenePolicy(indices=("ndvi", "brightness"))
# Reflectance x 10,000 of a meadow.
MEADOW = {"B02": 400, "B03": 800, "B04": 600, "B08": 3400, "B8A": 3600, "B11": 1800}
BY_HAND = {
    "ndvi": (3400 - 600) / 4000,
    "ndwi": (800 - 3400) / 4200,
    "ndmi": (3600 - 1800) / 5400,
    "brightness": 0.06,
}


def _land(values: dict[str, int], kind: type = np.uint16, rest: int = 900) -> np.ndarray:
    """(12, 20, 30) of one ground."""
    flat = [values.get(band, rest) for band in BANDS]
    return np.broadcast_to(np.array(flat, dtype=kind)[:, None, None], (12, 20, 30)).copy()


def _indices(folder: Path, pixels: np.ndarray, policy: ScenePolicy = POLICY) -> dict[str, float]:
    path = folder / "image_2024-01-01.tif"
    tifffile.imwrite(path, pixels, photometric="minisblack")
    with path.open("rb") as handle:
        found = scene_indices(decode_values(handle, path.name, policy))
    return {name: np.nan if value is None else value for name, value in found.items()}


def test_the_indices_of_a_ground_are_those_by_hand(tmp_path: Path) -> None:
    found = _indices(tmp_path, _land(MEADOW))
    assert found == pytest.approx({**BY_HAND, "seen_share": 1.0})


def test_an_offset_is_taken_off_first(tmp_path: Path) -> None:
    raised = _land({band: value + 1000 for band, value in MEADOW.items()}, rest=1900)
    found = _indices(tmp_path, raised, ScenePolicy(offset_16bit=1000))
    assert found == pytest.approx({**BY_HAND, "seen_share": 1.0})


def test_values_brighter_than_what_is_shown_as_white_count_in_full(tmp_path: Path) -> None:
    assert _indices(tmp_path, _land({"B08": 6000, "B04": 500}))["ndvi"] == pytest.approx(5.5 / 6.5)


def test_what_is_outside_or_unseen_is_left_out(tmp_path: Path) -> None:
    pixels = _land(MEADOW)
    pixels[:, :5] = 0
    found = _indices(tmp_path, pixels)
    assert found == pytest.approx({**BY_HAND, "seen_share": 0.75})


def test_half_meadow_and_half_water_is_the_mean_of_both(tmp_path: Path) -> None:
    pixels = _land(MEADOW)
    pixels[:, :10] = _land({"B03": 600, "B08": 200, "B04": 300})[:, :10]
    expected = ((800 - 3400) / 4200 + (600 - 200) / 800) / 2
    assert _indices(tmp_path, pixels)["ndwi"] == pytest.approx(expected)


def test_eight_bits_give_the_same_ratios_as_the_reflectance_they_show(tmp_path: Path) -> None:
    shown = {band: round(value / 3000 * 255) for band, value in MEADOW.items() if value <= 3000}
    found = _indices(tmp_path, _land({**shown, "B08": 255, "B8A": 255}, np.uint8, rest=76))
    assert found["brightness"] == pytest.approx(BY_HAND["brightness"], rel=0.01)
    assert found["ndvi"] == pytest.approx((255 - shown["B04"]) / (255 + shown["B04"]))
    assert found["ndvi"] < BY_HAND["ndvi"]  # the near infrared beyond 0.3 was cut off


def test_a_picture_of_three_bands_has_its_brightness_alone(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), (51, 102, 153)).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("rb") as handle:
        found = scene_indices(decode_values(handle, "a.png", POLICY))
    assert [found[name] for name in ("ndvi", "ndwi", "ndmi")] == [None, None, None]
    assert found["brightness"] == pytest.approx(0.3 * 102 / 255)
    assert found["seen_share"] == 1.0


def test_a_scene_that_shows_nothing_has_no_index(tmp_path: Path) -> None:
    found = _indices(tmp_path, np.zeros((12, 20, 30), np.uint16))
    assert found.pop("seen_share") == 0.0
    assert np.isnan(list(found.values())).all()


def test_a_scan_computes_them_only_where_the_profile_asks(desk: Desk) -> None:
    desk.scene("5001", "2018-09-01", _land(MEADOW))
    drop = read_drop(desk.drop())
    plain = scan_scenes(drop, POLICY, desk.cache, CONTEXT.codes)
    asked = scan_scenes(drop, ASKED, desk.cache, CONTEXT.codes)
    assert plain[list(INDEX_COLUMNS)].isna().all(axis=None)
    assert asked["ndvi"].tolist() == pytest.approx([BY_HAND["ndvi"]])
    others = [name for name in plain.columns if name not in INDEX_COLUMNS]
    assert asked[others].equals(plain[others])


def test_a_second_scan_that_asks_reads_no_file_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.scene("5001", "2018-09-01", _land(MEADOW))
    drop = read_drop(desk.drop())
    first = scan_scenes(drop, ASKED, desk.cache, CONTEXT.codes)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail(f"{self} was read again"))
    more = ScenePolicy(indices=("ndwi", "ndmi"), min_clear_share=0.3)
    assert scan_scenes(drop, more, desk.cache, CONTEXT.codes).equals(first)


@pytest.mark.real_data
def test_medellins_landsat_pictures_are_half_of_the_frame_and_brighter_under_cloud(
    real_data: Path,
) -> None:
    """Three bands of 8 bits each: no index of the infrared."""
    folder, found = real_data / "medellin-landsat" / "images" / "5001", {}
    for path in sorted(folder.glob("*.png")):
        with path.open("rb") as handle:
            found[path.stem[6:13]] = scene_indices(decode_values(handle, path.name, POLICY))
    assert all(0.48 < one["seen_share"] < 0.51 and one["ndvi"] is None for one in found.values())
    bright = sorted(found, key=lambda month: -found[month]["brightness"])[:9]
    assert {"2015-03", "2015-04", "2017-06", "2018-11"} < set(bright)


def test_every_name_that_can_be_asked_for_is_a_covariate_with_a_unit() -> None:
    asked = ScenePolicy(indices=("brightness", "ndmi", "ndwi", "ndvi"))
    assert asked.covariates == tuple(one.name for one in SCENE_COVARIATES)
    assert all(one.unit and one.kind == "scene" for one in SCENE_COVARIATES)


def test_a_column_of_that_name_in_an_input_is_refused() -> None:
    inputs = [{"file": "units.csv", "table": "units", "columns": {"scene_ndvi": "x"}}]
    DataConfig.model_validate({"inputs": inputs})
    with pytest.raises(ValueError, match="an input has a column scene_ndvi already"):
        DataConfig.model_validate({"inputs": inputs, "scenes": {"indices": ["ndvi"]}})
