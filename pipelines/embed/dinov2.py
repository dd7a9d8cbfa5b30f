"""DINOv2 through transformers, small to giant: the CLS vector or the mean of the patches.

Which size it is follows from the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.arrays import Float32s, UInt8s
from pipelines.config import EncoderConfig
from pipelines.contracts import RGB_BANDS, EncoderSpec, Modality
from pipelines.embed.base import Encoder, seeded, spec_of, untrained_spec
from pipelines.embed.compiled import CompiledEncoder, compiled_network
from pipelines.embed.pixels import Pixels
from pipelines.embed.weights import Weights, companion
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import EncoderError
from pipelines.storage import read_json, sha256_file

if TYPE_CHECKING:
    import torch

MODALITY: Modality = "image"
LIBRARIES = ("torch", "transformers", "safetensors", "pillow", "numpy", "tifffile", "imagecodecs")
CODE_ID = "dinov2-1"

_WEIGHTS_FILE = "model.safetensors"  # the one that transformers opens, so the one that is hashed
_ATTENTION = "eager"  # one arithmetic on every machine, not the fastest that is found
_PROCESSORS = ("BitImageProcessor", "BitImageProcessorFast", "BitImageProcessorPil")
_STEPS = ("do_resize", "do_center_crop", "do_rescale", "do_normalize")
_RESAMPLE = {2: "bilinear", 3: "bicubic"}  # PIL's numbers


def describe(config: EncoderConfig, weights: Weights) -> EncoderSpec:
    """Spec of the encoder, read from the model folder.

    Raises:
        EncoderError: another pooling, no DINOv2, or a preprocessing that is absent or not known.
        StoreError: a configuration file is damaged.
    """
    if config.pooling not in ("cls", "patch_mean"):
        raise EncoderError(
            f"{config.name} pools by cls or patch_mean, not {config.pooling}",
            fix="set embed.image.pooling to one of them",
        )
    if weights.path.name != _WEIGHTS_FILE:
        raise EncoderError(
            f"{config.name} opens {_WEIGHTS_FILE}, not {weights.path.name}",
            where=str(weights.path),
            fix=f"name {_WEIGHTS_FILE} in the profile",
        )
    about = companion(config, weights, "config.json")
    model = read_json(about)
    width = model.get("hidden_size")
    if model.get("model_type") != "dinov2" or not isinstance(width, int):
        raise EncoderError(
            f"not a DINOv2 checkpoint but {model.get('model_type')!r}",
            where=str(about),
            fix="use one of facebook/dinov2-small, -base, -large, -giant",
        )
    prepared, channels = companion(config, weights, "preprocessor_config.json"), _channels(model)
    pixels = read_pixels(prepared)
    if len(pixels.mean) != channels:
        raise EncoderError(
            f"the checkpoint takes {channels} channels, its mean has {len(pixels.mean)}",
            where=str(prepared),
            fix="use a preprocessor_config.json that was made for these weights",
        )
    made = {
        **pixels.record(),
        "model_config_sha256": sha256_file(about),
        "attention": _ATTENTION,
    }
    shape = f"1x{channels}x{pixels.crop_px}x{pixels.crop_px}"
    return spec_of(config, weights, MODALITY, width, made, CODE_ID, channels=channels, shape=shape)


def _channels(model: Mapping[str, object]) -> int:
    """Channels that the checkpoint's patches take; three where its config.json is silent."""
    found = model.get("num_channels", len(RGB_BANDS))
    return found if isinstance(found, int) else 0


def read_pixels(path: Path) -> Pixels:
    """The preprocessing that a checkpoint's preprocessor_config.json asks for.

    Raises: EncoderError for one that this encoder would not do in the same way.
    """
    raw: dict[str, Any] = dict(read_json(path))
    try:
        if raw.get("image_processor_type") not in _PROCESSORS:
            raise ValueError(f"processor {raw.get('image_processor_type')!r}")
        if off := [step for step in _STEPS if raw.get(step) is not True]:
            raise ValueError(f"{', '.join(off)} not set")
        if abs(raw.get("rescale_factor", 1 / 255) - 1 / 255) > 1e-9:
            raise ValueError(f"rescale_factor {raw['rescale_factor']}")
        crop = raw["crop_size"]
        if crop["height"] != crop["width"]:
            raise ValueError(f"crop_size {crop}")
        return Pixels(
            made_by="transformers.BitImageProcessorPil",
            resize="shortest",
            resize_px=int(raw["size"]["shortest_edge"]),
            crop_px=int(crop["height"]),
            interpolation=_RESAMPLE.get(raw["resample"], str(raw["resample"])),
            odd_crop="down",
            mean=tuple(map(float, raw["image_mean"])),
            std=tuple(map(float, raw["image_std"])),
        )
    except (KeyError, TypeError, ValueError) as err:
        raise EncoderError(
            f"the checkpoint asks for a preprocessing that this encoder does not do: {err}",
            where=str(path),
            fix="use a DINOv2 checkpoint as published, or write an encoder for it",
        ) from err


def load(config: EncoderConfig, weights: Weights) -> Encoder:
    """The encoder, with threads set as configured; nothing is fetched. Raises EncoderError."""
    spec = describe(config, weights)
    pixels = read_pixels(companion(config, weights, "preprocessor_config.json"))
    if config.runtime is not None:
        return _load_compiled(config, config.runtime, weights, pixels)
    import torch

    torch.set_num_threads(config.threads)
    return Dinov2Encoder(spec, pixels, load_network(weights.path))


def load_network(path: Path) -> torch.nn.Module:
    """The network of a checkpoint, in eval mode. Raises EncoderError if it lacks tensors."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import Dinov2Model
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    model, found = Dinov2Model.from_pretrained(
        str(path.parent),
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        attn_implementation=_ATTENTION,
        output_loading_info=True,
    )
    if absent := sorted(found["missing_keys"]):  # transformers would fill them with random numbers
        raise EncoderError(
            f"the weights lack {len(absent)} tensors, such as {absent[0]}",
            where=str(path),
            fix="use the checkpoint as published",
        )
    network: torch.nn.Module = model.eval()
    return network


def _load_compiled(
    config: EncoderConfig, runtime: RuntimeConfig, weights: Weights, pixels: Pixels
) -> CompiledEncoder:
    network = compiled_network(
        config,
        runtime,
        weights,
        lambda: _pooling(load_network(weights.path), config.pooling),
        (np.zeros((1, len(pixels.mean), pixels.crop_px, pixels.crop_px), np.float32),),
    )
    return CompiledEncoder(describe(config, weights), lambda s: (pixels.prepare(s),), network)


def _pooling(network: Any, pooling: str) -> torch.nn.Module:
    """The network that ends at the vector: (1, width) of (1, C, side, side)."""
    import torch

    class Pooling(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: torch.Tensor) -> Any:
            hidden = network(pixel_values=pixels).last_hidden_state
            return hidden[:, 0] if pooling == "cls" else hidden[:, 1:].mean(dim=1)

    return Pooling().eval()


def load_untrained(config: EncoderConfig, weights: Weights, seed: int) -> Dinov2Encoder:
    """The same network and pixels with transformers' random initialisation. Raises EncoderError."""
    spec = untrained_spec(describe(config, weights), seed)
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import AutoModel, Dinov2Config

    torch.set_num_threads(config.threads)
    made = Dinov2Config.from_pretrained(str(weights.path.parent), local_files_only=True)
    with seeded(seed):
        model = AutoModel.from_config(made, dtype=torch.float32, attn_implementation=_ATTENTION)
    pixels = read_pixels(companion(config, weights, "preprocessor_config.json"))
    return Dinov2Encoder(spec, pixels, model.eval())


class Dinov2Encoder(Encoder):
    """Vectors of the last layer after its layer norm, not normalised to length 1."""

    def __init__(self, spec: EncoderSpec, pixels: Pixels, model: Any) -> None:
        super().__init__(spec)
        self._pixels, self._model = pixels, model

    def encode_one(self, item: UInt8s) -> Float32s:
        """(width,) vector of a uint8 scene (H, W, channels of the checkpoint)."""
        import torch

        with torch.inference_mode():
            inputs = torch.from_numpy(self._pixels.prepare(item))
            hidden = self._model(pixel_values=inputs).last_hidden_state[0]  # (1 + patches, width)
            pooled = hidden[0] if self.spec.pooling == "cls" else hidden[1:].mean(dim=0)
        return np.asarray(pooled.numpy(), dtype=np.float32)
