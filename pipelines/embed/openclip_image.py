"""The image tower of an open_clip model (ViT-B-32 `openai`, medical ones): its projected vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.arrays import Float32s, UInt8s
from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed import openclip
from pipelines.embed.base import Encoder, untrained_spec
from pipelines.embed.compiled import CompiledEncoder, compiled_network
from pipelines.embed.openclip import (
    CONFIG_FILE,
    ClipFolder,
    load_model,
    load_untrained_model,
    make_spec,
    read_folder,
)
from pipelines.embed.pixels import Pixels
from pipelines.embed.weights import Weights
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import EncoderError

MODALITY: Modality = "image"
LIBRARIES = (*openclip.LIBRARIES, "timm", "pillow", "numpy", "tifffile", "imagecodecs")
CODE_ID = "openclip-image-1"


def describe(config: EncoderConfig, weights: Weights) -> EncoderSpec:
    """Spec of the encoder, read from the folder. Raises EncoderError or StoreError."""
    folder = read_folder(config, weights)
    pixels = read_pixels(folder)
    shape = f"1x3x{pixels.crop_px}x{pixels.crop_px}"
    return make_spec(config, weights, folder, (MODALITY, CODE_ID), pixels.record(), shape)


def read_pixels(folder: ClipFolder) -> Pixels:
    """The preprocessing of open_clip's `image_transform` at inference; open_clip's defaults hold
    for what preprocess_cfg leaves out beside mean and std.

    Raises: EncoderError for one that is not done here in the same way.
    """
    made = folder.preprocess
    try:
        side = folder.model["vision_cfg"].get("image_size", 224)
        if not isinstance(side, int) or made.get("mode", "RGB") != "RGB":
            raise ValueError(f"size {side}, mode {made.get('mode')}")
        return Pixels(
            made_by="open_clip.transform.image_transform",
            resize=made.get("resize_mode") or "shortest",
            resize_px=side,
            crop_px=side,
            interpolation=made.get("interpolation") or "bicubic",
            odd_crop="even",
            mean=tuple(map(float, made["mean"])),
            std=tuple(map(float, made["std"])),
        )
    except (TypeError, ValueError) as err:
        raise EncoderError(
            f"open_clip's configuration asks for a preprocessing that is not done here: {err}",
            where=str(folder.path / CONFIG_FILE),
            fix="use another checkpoint, or write an encoder for it",
        ) from err


def load(config: EncoderConfig, weights: Weights) -> Encoder:
    """The encoder, with threads set as configured; nothing is fetched. Raises EncoderError."""
    spec, folder = describe(config, weights), read_folder(config, weights)
    if config.runtime is not None:
        return _load_compiled(config, config.runtime, weights, spec)
    tower = _tower(folder, load_model(config, folder))
    return OpenClipImageEncoder(spec, read_pixels(folder), tower)


def _load_compiled(
    config: EncoderConfig, runtime: RuntimeConfig, weights: Weights, spec: EncoderSpec
) -> CompiledEncoder:
    folder = read_folder(config, weights)
    pixels = read_pixels(folder)
    network = compiled_network(
        config,
        runtime,
        weights,
        lambda: _tower(folder, load_model(config, folder)),
        (np.zeros((1, 3, pixels.crop_px, pixels.crop_px), np.float32),),
    )
    return CompiledEncoder(spec, lambda scene: (pixels.prepare(scene),), network)


def load_untrained(config: EncoderConfig, weights: Weights, seed: int) -> OpenClipImageEncoder:
    """The same tower and pixels with open_clip's random initialisation. Raises EncoderError."""
    spec, folder = untrained_spec(describe(config, weights), seed), read_folder(config, weights)
    tower = _tower(folder, load_untrained_model(config, folder, seed))
    return OpenClipImageEncoder(spec, read_pixels(folder), tower)


def _tower(folder: ClipFolder, model: Any) -> Any:
    """The image tower alone: the text tower's memory is given back. Raises EncoderError."""
    tower, pixels = model.visual, read_pixels(folder)
    if tower.image_size not in (pixels.crop_px, (pixels.crop_px, pixels.crop_px)):
        raise EncoderError(
            f"the image tower reads {tower.image_size} px, not {pixels.crop_px}",
            where=str(folder.path),
            fix="set vision_cfg.image_size as published",
        )
    return tower


class OpenClipImageEncoder(Encoder):
    """The tower's output in the space it shares with text, not normalised to length 1."""

    def __init__(self, spec: EncoderSpec, pixels: Pixels, tower: Any) -> None:
        super().__init__(spec)
        self._pixels, self._tower = pixels, tower

    def encode_one(self, item: UInt8s) -> Float32s:
        """(width,) vector of a uint8 scene (H, W, 3)."""
        import torch

        with torch.inference_mode():
            features = self._tower(torch.from_numpy(self._pixels.prepare(item)))
        return np.asarray(features[0].numpy(), dtype=np.float32)
