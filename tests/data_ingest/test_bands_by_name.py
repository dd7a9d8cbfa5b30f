"""Bands of a scene file by their names, scaled as red, green and blue are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.config import ScenePolicy
from pipelines.contracts import BANDS, RGB_BANDS, SceneQuality
from pipelines.data.scenes import LacksBands, read_scene
from serving.limits import Budget
from serving.scenes import read_upload

POLICY = ScenePolicy()
FALSE_COLOUR = ("B12", "B8A", "B04")
EIGHT = np.random.default_rng(1).integers(1, 256, (12, 20, 30), dtype=np.uint8)
SIXTEEN = np.random.default_rng(2).integers(1, 5000, (12, 20, 30), dtype=np.uint16)


def _file(folder: Path, pixels: np.ndarray) -> Path:
    tifffile.imwrite(folder / "image_2024-01-01.tif", pixels, photometric="minisblack")
    return folder / "image_2024-01-01.tif"


def _picked(pixels: np.ndarray, bands: tuple[str, ...]) -> np.ndarray:
    return np.stack([pixels[BANDS.index(name)] for name in bands], axis=-1)


@pytest.mark.parametrize("bands", [FALSE_COLOUR, ("B01", "B09", "B11"), BANDS])
def test_eight_bits_are_read_as_they_are(tmp_path: Path, bands: tuple[str, ...]) -> None:
    assert np.array_equal(read_scene(_file(tmp_path, EIGHT), POLICY, bands), _picked(EIGHT, bands))


@pytest.mark.parametrize(
    ("policy", "low", "high"),
    [
        (POLICY, 0, 3000),
        (ScenePolicy(range_16bit=(500, 4500)), 500, 4500),
        (ScenePolicy(offset_16bit=1000), 1000, 4000),
    ],
)
def test_sixteen_bits_are_scaled_as_red_green_and_blue_are(
    tmp_path: Path, policy: ScenePolicy, low: int, high: int
) -> None:
    path = _file(tmp_path, SIXTEEN)
    wide = _picked(SIXTEEN, FALSE_COLOUR).astype(np.int64)
    expected = (np.clip(wide, low, high) - low) * 255 // (high - low)
    found = read_scene(path, policy, FALSE_COLOUR)
    assert found.dtype == np.uint8 and np.array_equal(found, expected)
    assert np.array_equal(found[..., 2], read_scene(path, policy)[..., 0])  # B04 is the red


def test_what_is_outside_is_black_in_any_band(tmp_path: Path) -> None:
    pixels = SIXTEEN.copy()
    pixels[:, :5] = 7
    path = tmp_path / "image_2024-01-01.tif"
    nodata = [(42113, "s", 0, "7", True)]
    tifffile.imwrite(path, pixels, photometric="minisblack", extratags=nodata)
    found = read_scene(path, POLICY, FALSE_COLOUR)
    assert not found[:5].any() and found[5:].any(axis=-1).all()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_file_of_three_bands_has_no_others(tmp_path: Path, name: str) -> None:
    Image.fromarray(_picked(EIGHT, RGB_BANDS)).save(tmp_path / name)
    with pytest.raises(LacksBands, match="red, green and blue only, not B12, B8A") as caught:
        read_scene(tmp_path / name, POLICY, FALSE_COLOUR)
    assert name in caught.value.where


def test_a_file_of_three_bands_gives_its_own_in_another_order(tmp_path: Path) -> None:
    rgb = _picked(EIGHT, RGB_BANDS)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    turned = read_scene(tmp_path / "a.png", POLICY, ("B02", "B03", "B04"))
    assert np.array_equal(turned, rgb[..., ::-1])


def test_an_upload_is_read_in_the_champions_bands(tmp_path: Path) -> None:
    data = _file(tmp_path, EIGHT).read_bytes()
    with Budget(10_000).share() as share:
        pixels, quality = read_upload(data, "a.tif", POLICY, share, FALSE_COLOUR)
    assert quality is SceneQuality.OK
    assert np.array_equal(pixels, _picked(EIGHT, FALSE_COLOUR))


def test_an_upload_without_the_champions_bands_is_no_image(tmp_path: Path) -> None:
    Image.fromarray(_picked(EIGHT, RGB_BANDS)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    with Budget(10_000).share() as share:
        assert read_upload(data, "a.png", POLICY, share, FALSE_COLOUR)[1] == "other-bands"
        assert read_upload(data, "a.png", POLICY, share)[1] is SceneQuality.OK
