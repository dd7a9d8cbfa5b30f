"""Scenes: pixels of every accepted format, and a named error for every kind of bad file."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from support.drops import CONTEXT

from pipelines.config import ScenePolicy
from pipelines.contracts import SceneQuality
from pipelines.data.drops import read_drop
from pipelines.data.scenes import (
    DamagedScene,
    PixelBomb,
    SceneStats,
    UnknownFormat,
    WrongBands,
    content_hash,
    decode_scene,
    quality,
    read_scene,
    scan_scenes,
    scene_stats,
)

POLICY = ScenePolicy()
BANDS = np.random.default_rng(1).integers(0, 255, (12, 20, 30), dtype=np.uint8)
RGB = np.ascontiguousarray(np.moveaxis(BANDS[[3, 2, 1]], 0, -1))


@pytest.mark.parametrize(
    ("pixels", "options"),
    [
        (BANDS, {"photometric": "minisblack"}),
        (BANDS, {"photometric": "minisblack", "planarconfig": "separate"}),
        (np.moveaxis(BANDS, 0, -1), {"photometric": "minisblack", "planarconfig": "contig"}),
        (np.moveaxis(BANDS, 0, -1), {"photometric": "minisblack", "compression": "deflate"}),
        (BANDS, {"photometric": "minisblack", "compression": "lzw", "tile": (16, 16)}),
        (RGB, {"photometric": "rgb"}),
    ],
)
def test_a_tiff_gives_bands_4_3_2_as_rgb_however_it_is_laid_out(tmp_path, pixels, options):
    tifffile.imwrite(tmp_path / "image.tiff", pixels, **options)
    rgb = read_scene(tmp_path / "image.tiff", POLICY)
    assert rgb.dtype == np.uint8 and np.array_equal(rgb, RGB)


@pytest.mark.parametrize("name", ["a.TIF", "a.TIFF", "a.tif"])
def test_tiff_extensions_are_accepted_in_any_case(tmp_path, name):
    tifffile.imwrite(tmp_path / name, BANDS, photometric="minisblack")
    assert read_scene(tmp_path / name, POLICY).shape == (20, 30, 3)


@pytest.mark.parametrize("name", ["a.png", "a.PNG"])
def test_a_png_gives_its_pixels(tmp_path, name):
    Image.fromarray(RGB).save(tmp_path / name)
    assert np.array_equal(read_scene(tmp_path / name, POLICY), RGB)


def test_a_jpeg_gives_pixels_close_to_the_original(tmp_path):
    smooth = np.full((16, 16, 3), (200, 100, 50), dtype=np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.JPG", quality=95)
    assert np.abs(read_scene(tmp_path / "a.JPG", POLICY).astype(int) - smooth).max() < 6


def test_transparent_pixels_become_black(tmp_path):
    rgba = np.dstack([RGB, np.full((20, 30), 255, np.uint8)])
    rgba[:5, :, 3] = 0
    Image.fromarray(rgba, "RGBA").save(tmp_path / "a.png")
    rgb = read_scene(tmp_path / "a.png", POLICY)
    assert not rgb[:5].any() and np.array_equal(rgb[5:], RGB[5:])


def test_16_bit_reflectance_is_scaled_to_the_display_range(tmp_path):
    bands = np.zeros((12, 2, 2), dtype=np.uint16)
    bands[3], bands[2], bands[1] = 1500, 3000, 9000
    tifffile.imwrite(tmp_path / "a.tiff", bands, photometric="minisblack")
    assert read_scene(tmp_path / "a.tiff", POLICY)[0, 0].tolist() == [127, 255, 255]


@pytest.mark.parametrize("pixels", [BANDS[:8], np.moveaxis(BANDS[:8], 0, -1), BANDS[:4], BANDS[0]])
def test_other_numbers_of_bands_are_refused_and_counted(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tiff", pixels, photometric="minisblack")
    with pytest.raises(WrongBands, match="export all 12") as caught:
        read_scene(tmp_path / "a.tiff", POLICY)
    n = {3: min(pixels.shape), 2: 1}[pixels.ndim]
    assert f"{n} bands" in caught.value.what and caught.value.where.endswith("a.tiff")


def test_floating_point_pixels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tiff", BANDS.astype(np.float32), photometric="minisblack")
    with pytest.raises(WrongBands, match="float32"):
        read_scene(tmp_path / "a.tiff", POLICY)


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds next to nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [7_100, 12_000, 60_000])
def test_a_png_that_declares_too_many_pixels_is_refused_undecoded(tmp_path, side):
    (tmp_path / "a.png").write_bytes(png_header(side, side))
    with pytest.raises(PixelBomb, match="smaller extract"):
        read_scene(tmp_path / "a.png", POLICY)


def test_a_tiff_that_declares_too_many_pixels_is_refused_undecoded(tmp_path):
    tifffile.imwrite(tmp_path / "a.tiff", BANDS, photometric="minisblack", planarconfig="separate")
    with pytest.raises(PixelBomb, match="20 x 30 pixels"):
        read_scene(tmp_path / "a.tiff", ScenePolicy(max_pixels=599))
    assert read_scene(tmp_path / "a.tiff", ScenePolicy(max_pixels=600)).shape == (20, 30, 3)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff"])
def test_a_truncated_file_is_refused_never_filled_with_black(tmp_path, suffix, share):
    path = tmp_path / f"a{suffix}"
    if suffix == ".tiff":
        tifffile.imwrite(path, BANDS, photometric="minisblack")
    else:
        Image.fromarray(RGB).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises((DamagedScene, UnknownFormat)) as caught:
        read_scene(path, POLICY)
    assert str(path) in str(caught.value) and caught.value.fix


@pytest.mark.parametrize("name", ["a.gif", "a.txt", "a", "a.png", "a.tiff"])
def test_something_else_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"GIF89a something else")
    with pytest.raises((UnknownFormat, DamagedScene)):
        read_scene(tmp_path / name, POLICY)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DamagedScene, match="no such scene"):
        read_scene(tmp_path / "a.png", POLICY)


@given(st.binary(max_size=400), st.sampled_from(["a.png", "a.tiff", "a.jpg"]), st.booleans())
def test_any_bytes_give_a_named_error_or_pixels(data, name, with_header):
    """Whatever a file holds, nothing but a SceneError comes out."""
    head = {
        "a.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "a.tiff": b"II*\0\x08\0\0\0",
        "a.jpg": b"\xff\xd8\xff\xe0",
    }
    raw = head[name] + data if with_header else data
    try:
        rgb = decode_scene(io.BytesIO(raw), name, POLICY)
    except (DamagedScene, UnknownFormat, WrongBands, PixelBomb) as err:
        assert err.fix
    else:
        assert rgb.dtype == np.uint8 and rgb.ndim == 3


@given(st.integers(min_value=0, max_value=2000), st.integers(min_value=0, max_value=255))
def test_a_tiff_with_one_byte_changed_gives_pixels_or_a_named_error(at, value):
    sink = io.BytesIO()
    tifffile.imwrite(sink, BANDS, photometric="minisblack", metadata=None)
    raw = bytearray(sink.getvalue())
    raw[-1 - (at % len(raw))] = value
    raw[at % 400] = value
    try:
        decode_scene(io.BytesIO(bytes(raw)), "a.tiff", POLICY)
    except (DamagedScene, UnknownFormat, WrongBands, PixelBomb) as err:
        assert err.fix


def test_half_black_by_design_is_neither_blank_nor_held_against_saturation():
    rgb = np.zeros((100, 100, 3), dtype=np.uint8)
    rgb[:50] = np.random.default_rng(0).integers(20, 200, (50, 100, 3))
    rgb[:20] = 255
    stats = scene_stats(rgb)
    assert (stats.dark_share, stats.saturated_share) == (0.5, 0.4)
    assert quality(stats, POLICY) is SceneQuality.OK


@pytest.mark.parametrize(
    ("stats", "expected"),
    [
        (SceneStats(1.0, 0.0, 0.0), SceneQuality.BLANK),
        (SceneStats(0.98, 0.0, 40.0), SceneQuality.BLANK),
        (SceneStats(0.0, 0.0, 2.0), SceneQuality.BLANK),
        (SceneStats(0.5, 0.81, 30.0), SceneQuality.SATURATED),
        (SceneStats(0.5, 0.80, 30.0), SceneQuality.OK),
        (SceneStats(0.97, 0.0, 2.1), SceneQuality.OK),
    ],
)
def test_quality_follows_the_policy(stats, expected):
    assert quality(stats, POLICY) is expected


@given(
    hnp.arrays(
        np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6).map(lambda s: (*s, 3))
    )
)
def test_shares_stay_shares_and_do_not_change_when_a_scene_is_turned(rgb):
    stats = scene_stats(rgb)
    assert 0 <= stats.dark_share <= 1 and 0 <= stats.saturated_share <= 1 and stats.std_grey >= 0
    turned = scene_stats(np.rot90(rgb))
    assert turned.dark_share == stats.dark_share and turned.saturated_share == stats.saturated_share
    assert turned.std_grey == pytest.approx(stats.std_grey, abs=1e-9)


def test_equal_pixels_in_different_files_have_equal_content(tmp_path):
    tifffile.imwrite(tmp_path / "a.tiff", BANDS, photometric="minisblack")
    Image.fromarray(RGB).save(tmp_path / "a.png")
    a, b = read_scene(tmp_path / "a.tiff", POLICY), read_scene(tmp_path / "a.png", POLICY)
    assert content_hash(a) == content_hash(b) != content_hash(RGB.reshape(30, 20, 3))


def test_a_scan_names_every_file_and_what_is_wrong_with_it(desk):
    desk.scene("5001", "2018-09-01")
    desk.scene("05360", "2018-09-01", np.zeros((12, 8, 8), np.uint8))
    desk.scene("8001", "2018-09-01", BANDS[:8])
    desk.scene("23001", "2018-02-30")
    (desk.images / "readme.txt").write_text("x")
    table = scan_scenes(read_drop(desk.drop()), POLICY, desk.cache, CONTEXT.codes).set_index(
        "folder"
    )
    assert table.loc["5001", ["unit_id", "quality", "problem"]].tolist() == ["05001", "ok", ""]
    assert table.loc["5001", "uri"] == "drops/2018-12-04/images/5001/image_2018-09-01.tiff"
    assert str(table.loc["5001", "available_date"]) == "2018-09-30"
    assert table.loc["05360", "quality"] == "blank"
    assert table.loc["8001", ["quality", "problem"]].tolist() == ["unreadable", "wrong-bands"]
    assert table.loc["23001", "problem"] == "bad-scene-date"
    assert table.loc["images", "problem"] == "unknown-file"


def test_a_second_scan_reads_no_file_again(desk, monkeypatch):
    desk.scene("5001", "2018-09-01")
    drop = read_drop(desk.drop())
    first = scan_scenes(drop, POLICY, desk.cache, CONTEXT.codes)

    def refuse(self: Path) -> bytes:
        raise AssertionError(f"{self} was read again")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert scan_scenes(drop, POLICY, desk.cache, CONTEXT.codes).equals(first)


def test_a_stricter_policy_judges_cached_scenes_anew(desk):
    desk.scene("5001", "2018-09-01")
    drop = read_drop(desk.drop())
    assert scan_scenes(drop, POLICY, desk.cache, CONTEXT.codes)["quality"].tolist() == ["ok"]
    flat = ScenePolicy(blank_max_std=255)
    assert scan_scenes(drop, flat, desk.cache, CONTEXT.codes)["quality"].tolist() == ["blank"]


@pytest.mark.real_data
def test_the_real_landsat_scenes_of_medellin_are_judged_as_their_readme_says(real_data):
    folder = real_data / "medellin-landsat" / "images" / "5001"
    stats = {p.stem[6:13]: scene_stats(read_scene(p, POLICY)) for p in sorted(folder.glob("*.png"))}
    assert len(stats) == 69
    assert sum(s.saturated_share > 0.5 for s in stats.values()) == 9
    assert sum(s.saturated_share > 0.9 for s in stats.values()) == 3
    judged = {day: quality(s, POLICY) for day, s in stats.items()}
    cloudy = {day for day, q in judged.items() if q is SceneQuality.SATURATED}
    assert cloudy == {"2015-03", "2015-04", "2017-06", "2018-11"}
    assert SceneQuality.BLANK not in judged.values()
    assert all(0.49 < s.dark_share < 0.52 for s in stats.values())
