"""What a scene file's numbers mean: which pixels are outside, and 16-bit values as shown colours.

Shape letters: H height, W width in pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipelines.arrays import AnyArray, Bools, UInt8s
from pipelines.config import ScenePolicy
from pipelines.contracts import BANDS, RGB_BANDS
from pipelines.errors import DropError

N_BANDS = len(BANDS)
# 16-bit reflectance x 10,000 is shown with 0..0.3 over 0..255, as is usual for Sentinel-2.
_REFLECTANCE = (0, 3000)
# Snow and cloud reach 1.5; half of a scene above 2 is stretched, or nodata that nobody declared.
_BEYOND_REFLECTANCE, _MOST_8_BIT = 20_000, 255
_GDAL_NODATA, _GDAL_METADATA = 42113, 42112
_OFFSET_ITEM = re.compile(r'role="offset"[^>]*>\s*([-+.0-9eE]+)\s*<')
_DAY = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")


class SceneError(DropError):
    """A scene file cannot be used; `code` is its stable name among issues."""

    code = "unreadable-scene"


class WrongBands(SceneError):
    """Not 3 or 12 bands of 8 bits (or 12 of 16)."""

    code = "wrong-bands"


class WrongValues(SceneError):
    """Numbers whose meaning cannot be known: another range or offset than declared, odd nodata."""

    code = "wrong-values"


class LacksBands(SceneError):
    """A file of red, green and blue, asked for another band."""

    code = "other-bands"


@dataclass(frozen=True)
class Declared:
    """What a file says about its own numbers.

    Attributes:
        nodata: the value that stands for nothing, None if none is declared or no pixel can have it.
        offset: a band's offset is declared, and is not 0.
    """

    nodata: int | None = None
    offset: bool = False


def declared(tags: Mapping[int, object], where: str) -> Declared:
    """What GDAL's tags of a TIFF page say. Raises WrongValues if nodata is no number."""
    text = str(tags.get(_GDAL_NODATA, "")).strip("\0 ")
    offsets = _OFFSET_ITEM.findall(str(tags.get(_GDAL_METADATA, "")))
    try:
        number = float(text) if text else np.nan
        offset = any(float(one) != 0 for one in offsets)
    except ValueError:
        raise WrongValues(
            f"the file declares nodata or an offset that is no number ({text[:40]!r})",
            where=where,
            fix="export the scene again",
        ) from None
    whole = np.isfinite(number) and number == int(number) and 0 <= number <= 65535
    return Declared(int(number) if whole else None, offset)


def outside_of(
    bands: AnyArray, alpha: AnyArray | None, mask: AnyArray | None, nodata: int | None
) -> Bools:
    """Which pixels (H, W) are outside: every band (H, W, n) is nodata, or alpha or mask is 0."""
    out = np.zeros(bands.shape[:2], dtype=np.bool_)
    if nodata is not None:
        out |= (bands == nodata).all(axis=-1)
    for inside in (alpha, mask):
        if inside is not None:
            out |= inside == 0
    return out


def check_bits(n_bands: int, dtype: str, policy: ScenePolicy, where: str) -> None:
    """Raise WrongBands for what is neither 8 bits nor 16 bits of a known range."""
    known = n_bands == N_BANDS or policy.range_16bit is not None
    if dtype == "uint8" or (dtype == "uint16" and known):
        return
    raise WrongBands(
        f"pixels are {dtype}, not 8-bit (or 16-bit in 12 bands)",
        where=where,
        fix="export with 8 bits a band"
        + (", or declare data.scenes.range_16bit" if dtype == "uint16" else ""),
    )


@dataclass(frozen=True)
class SceneValues:
    """A decoded file's own numbers, and what they mean.

    Attributes:
        bands: (H, W, 3) red first, or (H, W, 12) in the order of contracts.BANDS; uint8 or uint16.
        outside: (H, W) pixels that are not of the municipality.
        black, white: values shown as 0 and as 255.
    """

    bands: AnyArray
    outside: Bools
    black: int = 0
    white: int = _MOST_8_BIT

    def shown(self, names: Sequence[str] = RGB_BANDS, where: str = "") -> UInt8s:
        """uint8 (H, W, len(names)) of the bands named, in that order, 0 outside.

        Raises: LacksBands.
        """
        chosen = self.chosen(names, where)
        if chosen.dtype != np.uint8:
            wide = np.clip(chosen.astype(np.int32), self.black, self.white) - self.black
            chosen = wide * 255 // (self.white - self.black)
        whole = np.ascontiguousarray(chosen, dtype=np.uint8)
        hidden = self.outside
        return np.where(hidden[..., None], np.uint8(0), whole) if hidden.any() else whole

    def chosen(self, names: Sequence[str], where: str = "") -> AnyArray:
        """(H, W, len(names)) values of the bands named. Raises LacksBands."""
        own = BANDS if self.bands.shape[-1] == N_BANDS else RGB_BANDS
        if tuple(names) == own:
            return self.bands
        if absent := [name for name in names if name not in own]:
            raise LacksBands(
                f"the scene holds red, green and blue only, not {', '.join(absent)}",
                where=where,
                fix=f"deliver all {N_BANDS} bands, or an encoder of B04, B03 and B02",
            )
        return self.bands[..., [own.index(name) for name in names]]


def values_of(
    bands: AnyArray, outside: Bools, says: Declared, policy: ScenePolicy, name: str, where: str
) -> SceneValues:
    """What values (H, W, 3 or 12) mean, checked.

    Args:
        name: the file's; its day says whether the profile's offset applies.

    Raises: WrongValues if 16-bit values cannot be what they should be.
    """
    if bands.dtype == np.uint8:
        return SceneValues(bands, outside)
    offset = _offset(says, policy, name, where)
    low, high = policy.range_16bit or _REFLECTANCE
    found = SceneValues(bands, outside, low + offset, high + offset)
    _check_values(bands, found.chosen(RGB_BANDS), outside, offset, policy, where)
    return found


def _offset(says: Declared, policy: ScenePolicy, name: str, where: str) -> int:
    """What is subtracted from this file's values."""
    if says.offset and not policy.offset_16bit:
        raise WrongValues(
            "the file declares an offset of its bands, the profile none",
            where=where,
            fix=(
                "declare data.scenes.offset_16bit (1000 for Sentinel-2), or export values without "
                "an offset"
            ),
        )
    if not policy.offset_16bit or policy.offset_from is None:
        return policy.offset_16bit
    day = _DAY.search(name)
    try:
        taken = date.fromisoformat(day[1]) if day else None
    except ValueError:
        taken = None
    if taken is None:
        raise WrongValues(
            "the file's name has no day, so nobody knows whether its values have the offset",
            where=where,
            fix="name it image_YYYY-MM-DD: data.scenes.offset_from goes by this day",
        )
    return policy.offset_16bit if taken >= policy.offset_from else 0


def _check_values(
    bands: AnyArray, rgb: AnyArray, outside: Bools, offset: int, policy: ScenePolicy, where: str
) -> None:
    """Refuse what 16-bit values themselves contradict, by the pixels that are neither outside nor
    0.
    """
    lit = ~outside & rgb.any(axis=-1)
    if not lit.any():
        return
    middle = float(np.median(rgb[lit].astype(np.float64)))
    if offset and middle < offset:
        raise WrongValues(
            f"half of the values are below {offset}, which is to be subtracted",
            where=where,
            fix=(
                "these values have no offset: set data.scenes.offset_from to the first day that "
                "has, or leave data.scenes.offset_16bit out"
            ),
        )
    if policy.range_16bit is not None:
        return
    if max(int(bands[..., band][lit].max()) for band in range(bands.shape[-1])) <= _MOST_8_BIT:
        raise WrongValues(
            "the 16-bit bands hold 8-bit values (none above 255)",
            where=where,
            fix="export with 8 bits a band, or declare data.scenes.range_16bit: [0, 255]",
        )
    if middle > _BEYOND_REFLECTANCE:
        raise WrongValues(
            f"half of the values are above {_BEYOND_REFLECTANCE}: no reflectance x 10,000",
            where=where,
            fix=(
                "declare nodata in the file if most of it is outside, or data.scenes.range_16bit "
                "if the values were stretched"
            ),
        )
