"""Scenes as GIS tools write them: pyramids, masks, nodata, 16 bits and the Sentinel-2 offset."""

from __future__ import annotations

import hashlib
import struct
import zlib
from datetime import date

import numpy as np
import pytest
import tifffile
from PIL import Image
from pydantic import ValidationError

from pipelines.config import ScenePolicy
from pipelines.data.scenes import (
    DamagedScene,
    WrongBands,
    WrongValues,
    quality,
    read_scene,
    scene_stats,
)
from pipelines.embed.store import input_key

POLICY = ScenePolicy()
BANDS = np.random.default_rng(0).integers(200, 3000, (12, 32, 48)).astype(np.uint16)
SEPARATE = {"photometric": "minisblack", "planarconfig": "separate"}
CONTIG = {"photometric": "minisblack", "planarconfig": "contig"}
LAST = np.ascontiguousarray(np.moveaxis(BANDS, 0, -1))
RGB16 = np.ascontiguousarray(LAST[..., [3, 2, 1]])
SHOWN = (RGB16.astype(np.uint32) * 255 // 3000).astype(np.uint8)
INSIDE = np.zeros((32, 48), dtype=np.uint8)
INSIDE[20:] = 255


def nodata(text: str) -> dict[str, object]:
    """GDAL's tag of declared nodata."""
    return {"extratags": [(42113, "s", 0, text, True)]}


def gdal_metadata(xml: str) -> dict[str, object]:
    return {"extratags": [(42112, "s", 0, f"<GDALMetadata>{xml}</GDALMetadata>", True)]}


def png(path, pixels: np.ndarray, transparent: bytes = b"") -> None:
    """A PNG of 8 or 16 bits a channel; Pillow writes none of 16 bits."""
    height, width, channels = pixels.shape
    bits, colours = pixels.dtype.itemsize * 8, {3: 2, 4: 6}[channels]
    raw = b"".join(b"\0" + row.astype(pixels.dtype.newbyteorder(">")).tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    if transparent:
        chunks.insert(1, (b"tRNS", transparent))
    parts = [
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def write_pages(path, *pages: tuple[np.ndarray, dict[str, object]]) -> None:
    with tifffile.TiffWriter(path) as out:
        for pixels, options in pages:
            out.write(pixels, metadata=None, **options)


def test_the_bytes_of_files_that_were_always_read_are_as_ever(tmp_path):
    """A changed hash is a changed picture of every scene that was ever embedded."""
    tifffile.imwrite(tmp_path / "bands.tif", BANDS, **SEPARATE)
    tifffile.imwrite(tmp_path / "eight.tif", (BANDS >> 4).astype(np.uint8), **SEPARATE)
    Image.fromarray(SHOWN).save(tmp_path / "rgb.png")
    found = [
        hashlib.sha256(read_scene(tmp_path / name, POLICY).tobytes()).hexdigest()[:16]
        for name in ("bands.tif", "eight.tif", "rgb.png")
    ]
    assert found == ["4a811f83490af798", "868876ce80af84b0", "4a811f83490af798"]


@pytest.mark.parametrize(("pixels", "how"), [(BANDS, SEPARATE), (LAST, CONTIG)])
@pytest.mark.parametrize("subifds", [0, 2])
def test_a_file_with_pyramid_levels_is_read_in_full_resolution(tmp_path, pixels, how, subifds):
    small = pixels[:, ::2, ::2] if how is SEPARATE else pixels[::2, ::2]
    less = pixels[:, ::4, ::4] if how is SEPARATE else pixels[::4, ::4]
    with tifffile.TiffWriter(tmp_path / "a.tif") as out:
        out.write(pixels, subifds=subifds, **how)
        out.write(small, subfiletype=1, **how)
        out.write(less, subfiletype=1, **how)
    assert np.array_equal(read_scene(tmp_path / "a.tif", POLICY), SHOWN)


def test_a_reduced_picture_in_front_is_not_taken_for_the_scene(tmp_path):
    write_pages(tmp_path / "a.tif", (LAST[::2, ::2], {**CONTIG, "subfiletype": 1}), (LAST, CONTIG))
    assert np.array_equal(read_scene(tmp_path / "a.tif", POLICY), SHOWN)


def test_a_file_of_two_pictures_is_refused_because_nobody_knows_which_is_meant(tmp_path):
    write_pages(tmp_path / "a.tif", (LAST, CONTIG), (np.tile(LAST, (2, 1, 1)), CONTIG))
    with pytest.raises(DamagedScene, match="one scene a file"):
        read_scene(tmp_path / "a.tif", POLICY)


@pytest.mark.parametrize(("pixels", "how"), [(BANDS, SEPARATE), (LAST, CONTIG)])
def test_what_an_internal_mask_leaves_out_is_outside(tmp_path, pixels, how):
    mask = INSIDE.astype(bool)
    masked = (mask, {"photometric": "mask", "subfiletype": 4})
    half = (mask[::2, ::2], {"photometric": "mask", "subfiletype": 5})
    write_pages(tmp_path / "a.tif", (pixels, how), masked, half)
    rgb = read_scene(tmp_path / "a.tif", POLICY)
    assert not rgb[:20].any() and np.array_equal(rgb[20:], SHOWN[20:])


def test_a_mask_of_another_size_is_refused(tmp_path):
    mask = (INSIDE[1:].astype(bool), {"photometric": "mask", "subfiletype": 4})
    write_pages(tmp_path / "a.tif", (LAST, CONTIG), mask)
    with pytest.raises(DamagedScene, match="do not fit"):
        read_scene(tmp_path / "a.tif", POLICY)


@pytest.mark.parametrize("text", ["65535", "65535.0 "])
def test_declared_nodata_is_outside_and_no_cloud(tmp_path, text):
    outside = LAST.copy()
    outside[:20] = 65535
    tifffile.imwrite(tmp_path / "a.tif", outside, **CONTIG, **nodata(text))
    rgb = read_scene(tmp_path / "a.tif", POLICY)
    assert not rgb[:20].any() and np.array_equal(rgb[20:], SHOWN[20:])
    assert quality(scene_stats(rgb), POLICY).value == "ok"


def test_nodata_in_some_bands_only_is_a_pixel_all_the_same(tmp_path):
    partly = LAST.copy()
    partly[0, 0, 5] = 65535
    tifffile.imwrite(tmp_path / "a.tif", partly, **CONTIG, **nodata("65535"))
    assert np.array_equal(read_scene(tmp_path / "a.tif", POLICY), SHOWN)


@pytest.mark.parametrize("text", ["nan", "-9999", "1e9", "0.5"])
def test_nodata_that_no_pixel_can_have_changes_nothing(tmp_path, text):
    tifffile.imwrite(tmp_path / "a.tif", LAST, **CONTIG, **nodata(text))
    assert np.array_equal(read_scene(tmp_path / "a.tif", POLICY), SHOWN)


def test_nodata_that_is_no_number_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", LAST, **CONTIG, **nodata("none"))
    with pytest.raises(WrongValues, match="no number") as caught:
        read_scene(tmp_path / "a.tif", POLICY)
    assert caught.value.where.endswith("a.tif") and caught.value.fix


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_a_transparent_band_behind_twelve_or_three_is_outside(tmp_path, kind):
    alpha = np.where(INSIDE, 65535, 0).astype(np.uint16)[..., None]
    extra = ["unspecified"] * 11 + [kind]
    tifffile.imwrite(
        tmp_path / "a.tif", np.concatenate([LAST, alpha], -1), extrasamples=extra, **CONTIG
    )
    tifffile.imwrite(
        tmp_path / "b.tif", np.dstack([SHOWN, INSIDE]), photometric="rgb", extrasamples=[kind]
    )
    for name in ("a.tif", "b.tif"):
        rgb = read_scene(tmp_path / name, POLICY)
        assert not rgb[:20].any() and np.array_equal(rgb[20:], SHOWN[20:]), name


def test_a_colour_that_a_png_declares_transparent_is_outside(tmp_path):
    pixels = SHOWN.copy()
    pixels[:20] = 255
    png(tmp_path / "a.png", pixels, transparent=struct.pack(">HHH", 255, 255, 255))
    rgb = read_scene(tmp_path / "a.png", POLICY)
    assert not rgb[:20].any() and np.array_equal(rgb[20:], SHOWN[20:])


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_of_three_bands_need_a_declared_range(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    tifffile.imwrite(path, RGB16) if suffix == "tif" else png(path, RGB16)
    with pytest.raises(WrongBands, match=r"uint16.*range_16bit"):
        read_scene(path, POLICY)
    assert np.array_equal(read_scene(path, ScenePolicy(range_16bit=(0, 3000))), SHOWN)


def test_a_16_bit_png_keeps_its_transparency(tmp_path):
    alpha = np.where(INSIDE, 65535, 0).astype(np.uint16)[..., None]
    png(tmp_path / "a.png", np.concatenate([RGB16, alpha], -1))
    rgb = read_scene(tmp_path / "a.png", ScenePolicy(range_16bit=(0, 3000)))
    assert not rgb[:20].any() and np.array_equal(rgb[20:], SHOWN[20:])


def test_16_bit_bands_of_8_bit_values_are_refused_until_the_range_is_declared(tmp_path):
    eight = BANDS >> 4
    tifffile.imwrite(tmp_path / "a.tif", eight, **SEPARATE)
    with pytest.raises(WrongValues, match=r"8-bit values.*range_16bit: \[0, 255\]"):
        read_scene(tmp_path / "a.tif", POLICY)
    rgb = read_scene(tmp_path / "a.tif", ScenePolicy(range_16bit=(0, 255)))
    assert np.array_equal(rgb, np.moveaxis(eight[[3, 2, 1]], 0, -1))


def test_stretched_or_undeclared_white_is_refused_and_not_called_cloud(tmp_path):
    white = BANDS.copy()
    white[:, :20] = 65535
    tifffile.imwrite(tmp_path / "a.tif", white, **SEPARATE)
    with pytest.raises(WrongValues, match="declare nodata"):
        read_scene(tmp_path / "a.tif", POLICY)


def test_a_black_scene_of_16_bits_is_blank_as_before(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros_like(BANDS), **SEPARATE)
    assert not read_scene(tmp_path / "a.tif", POLICY).any()


def test_the_declared_offset_is_subtracted_before_the_range(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", BANDS + 1000, **SEPARATE)
    with_offset = ScenePolicy(offset_16bit=1000)
    assert np.array_equal(read_scene(tmp_path / "a.tif", with_offset), SHOWN)


def test_the_offset_begins_with_the_declared_day_and_by_the_files_name(tmp_path):
    policy = ScenePolicy(offset_16bit=1000, offset_from=date(2022, 1, 25))
    older, newer = tmp_path / "image_2022-01-24.tif", tmp_path / "image_2022-01-25.tif"
    tifffile.imwrite(older, BANDS, **SEPARATE)
    tifffile.imwrite(newer, BANDS + 1000, **SEPARATE)
    assert np.array_equal(read_scene(older, policy), read_scene(newer, policy))
    older.rename(tmp_path / "upload.tif")
    with pytest.raises(WrongValues, match="no day"):
        read_scene(tmp_path / "upload.tif", policy)


def test_values_below_the_offset_are_refused_instead_of_painted_black(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", BANDS // 4 + 256, **SEPARATE)
    with pytest.raises(WrongValues, match="no offset"):
        read_scene(tmp_path / "a.tif", ScenePolicy(offset_16bit=1000))


def test_an_offset_that_only_the_file_declares_is_refused(tmp_path):
    item = '<Item name="OFFSET" sample="0" role="offset">-0.1</Item>'
    tifffile.imwrite(tmp_path / "a.tif", LAST + 1000, **CONTIG, **gdal_metadata(item))
    with pytest.raises(WrongValues, match="offset_16bit"):
        read_scene(tmp_path / "a.tif", POLICY)
    assert np.array_equal(read_scene(tmp_path / "a.tif", ScenePolicy(offset_16bit=1000)), SHOWN)


def test_another_reading_of_the_same_file_is_another_vector():
    readings = [ScenePolicy(), ScenePolicy(offset_16bit=1000), ScenePolicy(range_16bit=(0, 255))]
    assert readings[0].reading == ""
    assert len({input_key("space", "sha", one.reading) for one in readings}) == 3


@pytest.mark.parametrize("settings", [{"range_16bit": (5, 5)}, {"offset_from": date(2022, 1, 25)}])
def test_a_reading_that_makes_no_sense_is_refused(settings):
    with pytest.raises(ValidationError, match=r"range_16bit must rise|needs offset_16bit"):
        ScenePolicy(**settings)
