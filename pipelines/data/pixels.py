"""Image files as pixels, with every check that a file from outside needs.

Belongs here: reading TIFF, PNG and JPEG; size, bands and completeness are checked on the header
before anything is decoded. Does not belong here: judging the pixels (scenes.py).

Shape letters: H height, W width in pixels.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from pipelines.config import ScenePolicy
from pipelines.data.tiff_pages import check_pages
from pipelines.errors import DropError

Rgb = npt.NDArray[np.uint8]
_TIFF = {".tif", ".tiff"}
_PILLOW = {".png", ".jpg", ".jpeg"}
_PILLOW_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
# Sentinel-2 order B1..B8, B8A, B9, B11, B12: red, green, blue are B4, B3, B2 at index 3, 2, 1.
_N_BANDS, _RGB_BANDS = 12, (3, 2, 1)
# 16-bit reflectance x 10,000 is shown with 0..0.3 over 0..255, as is usual for Sentinel-2.
_REFLECTANCE_MAX = 3000
# It tells the log of every tag that it doubts; what is wrong with a file is ours to say, once.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class SceneError(DropError):
    """A scene file cannot be used; `code` is its stable name among issues."""

    code = "unreadable-scene"


class PixelBomb(SceneError):
    """A file that declares more pixels than allowed; it was not decoded."""

    code = "pixel-bomb"


class WrongBands(SceneError):
    """Not 3 or 12 bands of 8 bits (or 12 of 16)."""

    code = "wrong-bands"


class DamagedScene(SceneError):
    """A truncated or otherwise damaged file."""

    code = "damaged-scene"


class UnknownFormat(SceneError):
    """Neither TIFF nor PNG nor JPEG, by name or by content."""

    code = "unknown-format"


def read_scene(path: Path, policy: ScenePolicy) -> Rgb:
    """Pixels of a scene file, uint8 of shape (H, W, 3), red first.

    12-band TIFFs give bands B4, B3, B2. Size, bands and completeness are checked on the header
    before anything is decoded.

    Raises:
        SceneError: PixelBomb, WrongBands, DamagedScene or UnknownFormat, naming the file.
    """
    try:
        with path.open("rb") as handle:
            return decode_scene(handle, path.name, policy, where=str(path))
    except FileNotFoundError as err:
        raise DamagedScene(
            "there is no such scene", where=str(path), fix="deliver the file"
        ) from err


def decode_scene(handle: BinaryIO, name: str, policy: ScenePolicy, where: str = "") -> Rgb:
    """As read_scene, from an open file; `name` gives the format by its extension, in any case."""
    where, suffix = where or name, Path(name).suffix.lower()
    if suffix not in _TIFF | _PILLOW:
        raise UnknownFormat(f"{name} is not .tiff, .png or .jpg", where=where, fix="deliver one of these formats")  # fmt: skip
    try:
        rgb = _read_tiff(handle, policy, where) if suffix in _TIFF else _read_pillow(handle, policy, where)  # fmt: skip
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as err:
        raise _bomb(str(err), policy, where) from err
    except Image.UnidentifiedImageError as err:
        raise UnknownFormat("the file is neither PNG nor JPEG", where=where, fix="export the scene again") from err  # fmt: skip
    except SceneError:
        raise
    except Exception as err:  # at damaged bytes decoders let out whatever they meet
        raise _damaged(str(err) or type(err).__name__, where) from err
    return rgb


def _read_tiff(handle: BinaryIO, policy: ScenePolicy, where: str) -> Rgb:
    check_pages(handle)
    with tifffile.TiffFile(handle) as tiff:
        series = tiff.series[0]
        shape = tuple(int(n) for n in series.shape)
        height, width, last = _layout(shape, where)
        if height * width > policy.max_pixels:
            raise _bomb(f"{height} x {width} pixels", policy, where)
        _check_type(str(series.dtype), shape, where)
        if not last and 1 < len(tiff.pages) < shape[0]:
            raise _damaged(f"{len(tiff.pages)} of {shape[0]} pages are there", where)
        _check_complete(series.pages, handle, where)
        pixels = series.asarray()
    bands = pixels if last else np.moveaxis(pixels, 0, -1)
    return _to_rgb(bands)


def _layout(shape: tuple[int, ...], where: str) -> tuple[int, int, bool]:
    """Height, width and whether bands come last, of (H, W, bands) or (bands, H, W)."""
    allowed = (3, _N_BANDS)
    if len(shape) == 3 and shape[-1] in allowed:
        return shape[0], shape[1], True
    if len(shape) == 3 and shape[0] in allowed:
        return shape[1], shape[2], False
    bands = 1 if len(shape) == 2 else min(shape)
    raise WrongBands(f"the TIFF has {bands} bands (shape {shape}), not 12 or 3", where=where, fix="export all 12 Sentinel-2 bands, or red, green and blue")  # fmt: skip


def _check_type(dtype: str, shape: tuple[int, ...], where: str) -> None:
    if dtype == "uint8" or (dtype == "uint16" and _N_BANDS in shape):
        return
    raise WrongBands(f"pixels are {dtype}, not 8-bit (or 16-bit in 12 bands)", where=where, fix="export with 8 bits a band")  # fmt: skip


def _check_complete(pages: Iterator[object], handle: BinaryIO, where: str) -> None:
    """tifffile fills what a cut file lacks with zeros; such a scene would look dark, not damaged."""
    size = handle.seek(0, io.SEEK_END)
    for page in pages:
        offsets = getattr(page, "dataoffsets", ())
        counts = getattr(page, "databytecounts", ())
        if any(at + count > size for at, count in zip(offsets, counts, strict=False)):
            raise _damaged("the file ends before its last pixel", where)


def _to_rgb(bands: npt.NDArray[np.generic]) -> Rgb:
    if bands.shape[-1] == _N_BANDS:
        bands = bands[..., list(_RGB_BANDS)]
    if bands.dtype == np.uint8:
        return np.ascontiguousarray(bands, dtype=np.uint8)
    wide = np.minimum(bands.astype(np.uint32), _REFLECTANCE_MAX)
    return (wide * 255 // _REFLECTANCE_MAX).astype(np.uint8)


def _read_pillow(handle: BinaryIO, policy: ScenePolicy, where: str) -> Rgb:
    with Image.open(handle, formats=("PNG", "JPEG")) as image:
        if image.width * image.height > policy.max_pixels:
            raise _bomb(f"{image.height} x {image.width} pixels", policy, where)
        if image.mode not in _PILLOW_MODES:
            raise WrongBands(f"pixels are of kind {image.mode}, not RGB with 8 bits", where=where, fix="export as 8-bit RGB")  # fmt: skip
        if image.mode == "RGB":
            return np.asarray(image, dtype=np.uint8)
        solid = image.convert("RGBA")  # transparent is outside the municipality: black
        black = Image.new("RGBA", solid.size, (0, 0, 0, 255))
        return np.asarray(Image.alpha_composite(black, solid).convert("RGB"), dtype=np.uint8)


def _bomb(what: str, policy: ScenePolicy, where: str) -> PixelBomb:
    return PixelBomb(f"the scene declares {what}, more than {policy.max_pixels} are refused unread", where=where, fix="deliver a smaller extract, or raise data.scenes.max_pixels")  # fmt: skip


def _damaged(what: str, where: str) -> DamagedScene:
    return DamagedScene(f"the scene is truncated or damaged ({what[:200]})", where=where, fix="copy or download the file again")  # fmt: skip
