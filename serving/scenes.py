"""Uploaded scenes: the same reader and the same quality rule as for a drop's scenes."""

from __future__ import annotations

import io
from collections.abc import Sequence

from pipelines.arrays import UInt8s
from pipelines.config import ScenePolicy
from pipelines.contracts import RGB_BANDS, SceneQuality
from pipelines.data.scenes import (
    LacksBands,
    PixelBomb,
    SceneError,
    TooMuchAtOnce,
    UnknownFormat,
    decode_values,
    quality,
    scene_stats,
)
from pipelines.fusion.bundle import Bundle
from serving.limits import AGAIN, Share
from serving.problems import Problem


def policy_of(bundle: Bundle, max_pixels: int) -> ScenePolicy:
    """The rule that the bundle's training scenes were judged by, with this endpoint's
    pixel limit."""
    known = bundle.meta.recipe.get("data", {}).get("scenes", {})
    return ScenePolicy.model_validate({**known, "max_pixels": max_pixels})


def bands_of(bundle: Bundle) -> tuple[str, ...]:
    """Names of the bands that the bundle's image encoder reads."""
    embed = bundle.meta.recipe.get("embed") or {}
    named: Sequence[str] | None = embed.get("image", {}).get("bands")
    return tuple(named or RGB_BANDS)


def read_upload(
    data: bytes, name: str, policy: ScenePolicy, share: Share, bands: Sequence[str] = RGB_BANDS
) -> tuple[UInt8s, SceneQuality]:
    """(H, W, len(bands)) pixels of an uploaded file and what they are good for.

    The header is read first: a file that declares too many pixels is refused before it is decoded.
    A good picture without these bands is given in red, green and blue, with its own quality.

    Args:
        share: of the pixels that all requests may hold; what the header declares is taken of it.

    Raises:
        Problem: 413 too many pixels, 415 not an image format, 422 damaged or of other bands, 503
            too many pixels of all requests.
    """
    try:
        values = decode_values(io.BytesIO(data), name, policy, claim=share.may_take)
    except SceneError as err:
        status = {PixelBomb: 413, UnknownFormat: 415, TooMuchAtOnce: 503}.get(type(err), 422)
        where = {"where": "scene", "what": err.what}
        raise Problem(
            status,
            err.code,
            err.what,
            err.fix.replace("deliver", "send"),
            [where],
            AGAIN if status == 503 else None,
        ) from err
    rgb = values.shown()
    judged = quality(scene_stats(rgb), policy)
    try:
        return (rgb if bands == RGB_BANDS else values.shown(bands)), judged
    except LacksBands:
        return rgb, SceneQuality.OTHER_BANDS if judged is SceneQuality.OK else judged
