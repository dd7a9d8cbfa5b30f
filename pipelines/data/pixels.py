"""Image files as pixels, with every check that a file from outside needs.

Size, bands and completeness are checked on the header before anything is decoded.

Shape letters: H height, W width in pixels.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from pipelines.arrays import AnyArray, UInt8s
from pipelines.config import ScenePolicy
from pipelines.contracts import RGB_BANDS
from pipelines.data.scene_values import (
    N_BANDS,
    Declared,
    LacksBands,
    SceneError,
    SceneValues,
    WrongBands,
    WrongValues,
    check_bits,
    declared,
    outside_of,
    values_of,
)
from pipelines.data.tiff_pages import check_pages, full_pages, main_series, mask_page

__all__ = [
    "DamagedScene",
    "LacksBands",
    "PixelBomb",
    "SceneError",
    "TooMuchAtOnce",
    "UnknownFormat",
    "WrongBands",
    "WrongValues",
    "decode_scene",
    "decode_values",
    "read_scene",
]

_TIFF = {".tif", ".tiff"}
_PILLOW = {".png", ".jpg", ".jpeg"}
_PILLOW_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
_PNG_SIGNATURE, _PNG_RGB = b"\x89PNG\r\n\x1a\n", (2, 6)  # colour types with red, green and blue
_ALPHA = (1, 2)  # of a TIFF's extra samples: premultiplied or not
# It tells the log of every tag that it doubts; what is wrong with a file is ours to say, once.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)


class PixelBomb(SceneError):
    """A file that declares more pixels than allowed; it was not decoded."""

    code = "pixel-bomb"


class TooMuchAtOnce(SceneError):
    """Whoever asked does not take these pixels now; they were not decoded."""

    code = "too-much-at-once"


class DamagedScene(SceneError):
    """A truncated or otherwise damaged file."""

    code = "damaged-scene"


class UnknownFormat(SceneError):
    """Neither TIFF nor PNG nor JPEG, by name or by content."""

    code = "unknown-format"


def read_scene(path: Path, policy: ScenePolicy, bands: Sequence[str] = RGB_BANDS) -> UInt8s:
    """Pixels of a scene file, uint8 of shape (H, W, len(bands)), in the order of `bands`.

    They are of the full resolution; what the file declares as nodata, masks or makes transparent is
    black, as outside the municipality is (scene_values.py). Size, bands and completeness are
    checked on the header before anything is decoded.

    Raises:
        SceneError: PixelBomb, WrongBands, WrongValues, DamagedScene, UnknownFormat, or LacksBands
            for a file of red, green and blue; it names the file.
    """
    try:
        with path.open("rb") as handle:
            values = decode_values(handle, path.name, policy, where=str(path))
            return values.shown(bands, str(path))
    except FileNotFoundError as err:
        raise DamagedScene(
            "there is no such scene", where=str(path), fix="deliver the file"
        ) from err


def decode_scene(
    handle: BinaryIO,
    name: str,
    policy: ScenePolicy,
    where: str = "",
    claim: Callable[[int], bool] | None = None,
) -> UInt8s:
    """Red, green and blue as read_scene gives them, from an open file; arguments as of
    decode_values."""
    return decode_values(handle, name, policy, where, claim).shown()


def decode_values(
    handle: BinaryIO,
    name: str,
    policy: ScenePolicy,
    where: str = "",
    claim: Callable[[int], bool] | None = None,
) -> SceneValues:
    """All bands of an open file with their own values; `name` gives the format by its extension,
    and the scene's day.

    Args:
        claim: asked before anything is decoded whether it takes the pixels (height x width) that
            the header declares; if not, TooMuchAtOnce is raised.

    Raises:
        SceneError: as read_scene, but for LacksBands.
    """
    where, suffix = where or name, Path(name).suffix.lower()
    if suffix not in _TIFF | _PILLOW:
        raise UnknownFormat(
            f"{name} is not .tiff, .png or .jpg", where=where, fix="deliver one of these formats"
        )
    try:
        read = _read_tiff if suffix in _TIFF else _read_pillow
        return read(handle, _Wanted(name, policy, where, claim))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as err:
        raise _bomb(str(err), policy, where) from err
    except Image.UnidentifiedImageError as err:
        raise UnknownFormat(
            "the file is neither PNG nor JPEG", where=where, fix="export the scene again"
        ) from err
    except SceneError:
        raise
    except Exception as err:  # at damaged bytes decoders let out whatever they meet
        raise _damaged(str(err) or type(err).__name__, where) from err


@dataclass(frozen=True)
class _Wanted:
    """What a reader is told beside the file."""

    name: str
    policy: ScenePolicy
    where: str
    claim: Callable[[int], bool] | None

    def check_size(self, height: int, width: int) -> None:
        """Raise PixelBomb or TooMuchAtOnce for a size that is not to be decoded."""
        if height * width > self.policy.max_pixels:
            raise _bomb(f"{height} x {width} pixels", self.policy, self.where)
        if self.claim is not None and not self.claim(height * width):
            raise TooMuchAtOnce(
                "too many pixels of other scenes are being read",
                where=self.where,
                fix="ask again in a moment, or send fewer scenes at once",
            )


def _read_tiff(handle: BinaryIO, wanted: _Wanted) -> SceneValues:
    check_pages(handle)
    name, policy, where = wanted.name, wanted.policy, wanted.where
    with tifffile.TiffFile(handle) as tiff:
        series = main_series(tiff)
        shape, page = tuple(int(n) for n in series.shape), series.keyframe
        alpha = tuple(page.extrasamples)[-1:] in {(kind,) for kind in _ALPHA}
        height, width, last = _layout(shape, alpha, where)
        wanted.check_size(height, width)
        check_bits((shape[-1] if last else shape[0]) - alpha, str(series.dtype), policy, where)
        says = declared({tag.code: tag.value for tag in page.tags}, where)
        mask = mask_page(tiff, (height, width))
        whole = len(full_pages(tiff))
        if not last and 1 < whole < shape[0]:
            raise _damaged(f"{whole} of {shape[0]} pages are there", where)
        _check_complete([*series.pages, *([mask] if mask is not None else [])], handle, where)
        pixels = series.asarray()
        inside = None if mask is None else np.squeeze(mask.asarray())
    bands = pixels if last else np.moveaxis(pixels, 0, -1)
    solid = bands[..., -1] if alpha else None
    bands = bands[..., :-1] if alpha else bands
    outside = outside_of(bands, solid, inside, says.nodata)
    return values_of(bands, outside, says, policy, name, where)


def _layout(shape: tuple[int, ...], alpha: bool, where: str) -> tuple[int, int, bool]:
    """Height, width and whether bands come last, of (H, W, bands) or (bands, H, W)."""
    allowed = (3 + alpha, N_BANDS + alpha)
    if len(shape) == 3 and shape[-1] in allowed:
        return shape[0], shape[1], True
    if len(shape) == 3 and shape[0] in allowed:
        return shape[1], shape[2], False
    bands = 1 if len(shape) == 2 else min(shape)
    raise WrongBands(
        f"the TIFF has {bands} bands (shape {shape}), not 12 or 3",
        where=where,
        fix="export all 12 Sentinel-2 bands, or red, green and blue",
    )


def _check_complete(pages: Iterable[object], handle: BinaryIO, where: str) -> None:
    """tifffile fills what a cut file lacks with zeros; such a scene would look dark, not
    damaged."""
    size = handle.seek(0, io.SEEK_END)
    for page in pages:
        offsets = getattr(page, "dataoffsets", ())
        counts = getattr(page, "databytecounts", ())
        if any(at + count > size for at, count in zip(offsets, counts, strict=False)):
            raise _damaged("the file ends before its last pixel", where)


def _read_pillow(handle: BinaryIO, wanted: _Wanted) -> SceneValues:
    where = wanted.where
    head = handle.read(26)
    handle.seek(0)
    with Image.open(handle, formats=("PNG", "JPEG")) as image:
        wanted.check_size(image.height, image.width)
        if head.startswith(_PNG_SIGNATURE) and head[24] == 16:  # Pillow keeps the high byte alone
            return _read_png16(handle, head[25], wanted)
        if image.mode not in _PILLOW_MODES:
            raise WrongBands(
                f"pixels are of kind {image.mode}, not RGB with 8 bits",
                where=where,
                fix="export as 8-bit RGB",
            )
        if image.mode == "RGB" and "transparency" not in image.info:
            return _seen(np.asarray(image, dtype=np.uint8))
        solid = image.convert("RGBA")  # transparent is outside the municipality: black
        black = Image.new("RGBA", solid.size, (0, 0, 0, 255))
        rgb = Image.alpha_composite(black, solid).convert("RGB")
        return _seen(np.asarray(rgb, dtype=np.uint8))


def _seen(rgb: UInt8s) -> SceneValues:
    """Colours (H, W, 3) of which none is outside, beyond what is black already."""
    return SceneValues(rgb, np.zeros(rgb.shape[:2], dtype=np.bool_))


def _read_png16(handle: BinaryIO, colours: int, wanted: _Wanted) -> SceneValues:
    """A PNG of 16 bits a channel, of a size that was checked."""
    policy, where = wanted.policy, wanted.where
    if colours not in _PNG_RGB:
        raise WrongBands("pixels are 16-bit grey, not RGB", where=where, fix="export as 8-bit RGB")
    check_bits(3, "uint16", policy, where)
    handle.seek(0)
    bands: AnyArray = imagecodecs.png_decode(handle.read())
    solid = bands[..., 3] if bands.shape[-1] > 3 else None
    outside = outside_of(bands, solid, None, None)
    return values_of(bands[..., :3], outside, Declared(), policy, wanted.name, where)


def _bomb(what: str, policy: ScenePolicy, where: str) -> PixelBomb:
    return PixelBomb(
        f"the scene declares {what}, more than {policy.max_pixels} are refused unread",
        where=where,
        fix="deliver a smaller extract, or raise data.scenes.max_pixels",
    )


def _damaged(what: str, where: str) -> DamagedScene:
    return DamagedScene(
        f"the scene is truncated or damaged ({what[:200]})",
        where=where,
        fix="copy or download the file again",
    )
