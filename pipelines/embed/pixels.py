"""Scenes as published vision models read them: resize, centre crop, scale, normalise.

PIL and NumPy alone; a model's own configuration gives the settings, and its spec records them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from PIL import Image

from pipelines.arrays import Float32s, UInt8s
from pipelines.contracts import BANDS, RGB_BANDS
from pipelines.errors import EncoderError

_CHANNELS = (len(RGB_BANDS), len(BANDS))
_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@dataclass(frozen=True)
class Pixels:
    """How a scene becomes a tensor.

    Attributes:
        made_by: the class whose arithmetic this is, for the record.
        resize: the shorter side becomes resize_px ("shortest"), or both sides ("squash").
        crop_px: side of the square in the middle that is kept.
        odd_crop: where the middle lies if it is between two pixels: `transformers` rounds down,
            torchvision to the even one.
        mean, std: per channel, of values scaled to 0..1; as many as the weights take.
    """

    made_by: str
    resize: Literal["shortest", "squash"]
    resize_px: int
    crop_px: int
    interpolation: str
    odd_crop: Literal["down", "even"]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.interpolation not in _FILTERS:
            raise ValueError(f"interpolation {self.interpolation!r}, known are {sorted(_FILTERS)}")
        if self.resize not in ("shortest", "squash"):
            raise ValueError(f"resize {self.resize!r}, known are shortest and squash")
        if not 0 < self.crop_px <= self.resize_px:
            raise ValueError(f"a crop of {self.crop_px} px out of {self.resize_px} px")
        if len(self.mean) not in _CHANNELS or len(self.std) != len(self.mean):
            raise ValueError("mean and std must have three channels or twelve")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")

    def record(self) -> dict[str, object]:
        """The settings for an encoder's spec."""
        return {"scene": "uint8 RGB of pipelines.data.scenes.read_scene", **asdict(self)}

    def prepare(self, scene: UInt8s) -> Float32s:
        """(1, C, crop_px, crop_px) float32 of a uint8 scene (H, W, C). Raises EncoderError."""
        channels = len(self.mean)
        if scene.dtype != np.uint8 or scene.ndim != 3 or scene.shape[2] != channels:
            raise EncoderError(
                f"a scene must be uint8 (H, W, {channels}), got {scene.dtype} {scene.shape}",
                fix="read it with pipelines.data.scenes.read_scene",
            )
        height, width = self._resized(scene.shape[0], scene.shape[1])
        small = np.concatenate(
            [self._small(scene[..., at : at + 3], height, width) for at in range(0, channels, 3)],
            axis=-1,
        )
        top, left = self._middle(height), self._middle(width)
        square = small[top : top + self.crop_px, left : left + self.crop_px]
        scaled = square.astype(np.float32) / np.float32(255)
        normal = (scaled - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(normal.transpose(2, 0, 1)[None], dtype=np.float32)

    def _small(self, three: UInt8s, height: int, width: int) -> UInt8s:
        """(height, width, 3): Pillow resizes each channel by itself, three at a time."""
        image = Image.fromarray(np.ascontiguousarray(three))
        return np.asarray(image.resize((width, height), _FILTERS[self.interpolation]))

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        if self.resize == "squash":
            return self.resize_px, self.resize_px
        short = min(height, width)
        return (self.resize_px * height // short, self.resize_px * width // short)

    def _middle(self, side: int) -> int:
        spare = side - self.crop_px
        return spare // 2 if self.odd_crop == "down" else round(spare / 2)
