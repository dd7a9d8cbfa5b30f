"""EfficientNet-Lite0 (ImageNet) through timm, from a .pth file inside a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from pipelines.arrays import Float32s, UInt8s
from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import Encoder, seeded, spec_of, untrained_spec
from pipelines.embed.compiled import CompiledEncoder, compiled_network
from pipelines.embed.weights import Weights
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import EncoderError

if TYPE_CHECKING:
    import torch

MODALITY: Modality = "image"
LIBRARIES = ("torch", "timm", "pillow", "numpy", "tifffile", "imagecodecs")
CODE_ID = "timm-lite0-1"

_ARCHITECTURE = "tf_efficientnet_lite0"
_WIDTH = 1280
_SIDE_PX = 224
_SHAPE = f"1x3x{_SIDE_PX}x{_SIDE_PX}"
# The whole scene is squeezed to a square: a centre crop would cut a municipality's margins.
_PREPROCESSING = {
    "scene": "uint8 RGB of pipelines.data.scenes.read_scene",
    "resize": "PIL.Image.Resampling.BICUBIC to 224x224, whole image, aspect not kept",
    "scale": "x / 127.5 - 1 in float32",
    "architecture": _ARCHITECTURE,
}


def describe(config: EncoderConfig, weights: Weights) -> EncoderSpec:
    """Spec of the encoder. Raises EncoderError for a pooling other than avg."""
    if config.pooling != "avg":
        raise EncoderError(
            f"{config.name} pools by avg, not {config.pooling}", fix="set embed.image.pooling: avg"
        )
    return spec_of(config, weights, MODALITY, _WIDTH, _PREPROCESSING, CODE_ID, shape=_SHAPE)


def load(config: EncoderConfig, weights: Weights) -> Encoder:
    """The encoder, with threads set as configured. Raises EncoderError."""
    if config.runtime is not None:
        return _load_compiled(config, config.runtime, weights)
    import torch

    torch.set_num_threads(config.threads)
    return TimmImageEncoder(describe(config, weights), load_network(weights.path))


def _load_compiled(
    config: EncoderConfig, runtime: RuntimeConfig, weights: Weights
) -> CompiledEncoder:
    network = compiled_network(
        config,
        runtime,
        weights,
        lambda: _pooling(load_network(weights.path)),
        (np.zeros((1, 3, _SIDE_PX, _SIDE_PX), np.float32),),
    )
    return CompiledEncoder(describe(config, weights), lambda scene: (prepare(scene),), network)


def _pooling(network: Any) -> torch.nn.Module:
    """The network that ends at the vector: (1, 1280) of (1, 3, 224, 224)."""
    import torch

    class Pooling(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: torch.Tensor) -> Any:
            return network.forward_head(network.forward_features(pixels), pre_logits=True)

    return Pooling().eval()


def load_untrained(config: EncoderConfig, weights: Weights, seed: int) -> TimmImageEncoder:
    """The same network with timm's random initialisation. Raises EncoderError."""
    import torch

    torch.set_num_threads(config.threads)
    with seeded(seed):
        network = _new_network()
    return TimmImageEncoder(untrained_spec(describe(config, weights), seed), network.eval())


def load_network(path: Path) -> torch.nn.Module:
    """The network with its 1000-class classifier, in eval mode.

    The file's names follow gen-efficientnet; its 296 tensors have timm's order and shapes, so they
    are taken by position, each checked for its shape.

    Raises:
        EncoderError: the file holds other tensors.
    """
    import torch

    network = _new_network()
    own = network.state_dict()
    stored = torch.load(path, map_location="cpu", weights_only=True)
    if [tuple(t.shape) for t in stored.values()] != [tuple(t.shape) for t in own.values()]:
        raise EncoderError(
            f"the weights do not fit {_ARCHITECTURE}: other tensors or another order",
            where=str(path),
            fix="use the pinned package, or write an encoder for these weights",
        )
    network.load_state_dict(dict(zip(own, stored.values(), strict=True)))
    network.eval()
    return network


def _new_network() -> torch.nn.Module:
    """The architecture with timm's random initialisation."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before timm)
    import timm

    network: torch.nn.Module = timm.create_model(_ARCHITECTURE, pretrained=False)
    return network


def prepare(scene: UInt8s) -> Float32s:
    """(1, 3, 224, 224) float32 in -1..1 from a uint8 scene (H, W, 3)."""
    if scene.dtype != np.uint8 or scene.ndim != 3 or scene.shape[2] != 3:
        raise EncoderError(
            f"a scene must be uint8 (H, W, 3), got {scene.dtype} {scene.shape}",
            fix="read it with pipelines.data.scenes.read_scene",
        )
    image = Image.fromarray(np.ascontiguousarray(scene))
    small = np.asarray(image.resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BICUBIC))
    scaled = small.astype(np.float32) / np.float32(127.5) - np.float32(1.0)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


class TimmImageEncoder(Encoder):
    """Global average of the last feature map, 1280 wide, before the classifier."""

    def __init__(self, spec: EncoderSpec, network: Any) -> None:
        super().__init__(spec)
        self._network = network

    def encode_one(self, item: UInt8s) -> Float32s:
        """(1280,) vector of a uint8 scene (H, W, 3)."""
        import torch

        with torch.inference_mode():
            features = self._network.forward_features(torch.from_numpy(prepare(item)))
            pooled = self._network.forward_head(features, pre_logits=True)
        return np.asarray(pooled[0].numpy(), dtype=np.float32)
