"""The champion's own encoders, for uploaded scenes and prompts; a linear champion needs none."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, EncoderConfig
from pipelines.contracts import Modality
from pipelines.embed.base import Encoder, load_encoder
from pipelines.errors import EncoderError
from pipelines.fusion.bundle import Bundle


@dataclass(frozen=True)
class Encoders:
    """An image and a text encoder. One call at a time: they are not made for threads."""

    image: Encoder
    text: Encoder
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def encode(self, modality: Modality, item: Any) -> Float32s:
        """(D,) vector of a uint8 RGB array (H, W, 3), or of a text. Raises EncoderError."""
        encoder = self.image if modality == "image" else self.text
        with self._turn:
            vector: Float32s = encoder.encode([item])[0]
        return vector


def needs_encoders(bundle: Bundle) -> bool:
    """Whether any horizon's model reads vectors."""
    return bundle.reads_vectors


def load_encoders(bundle: Bundle, paths: DeploymentPaths) -> Encoders:
    """The encoders that the bundle names, proved to be those.

    Raises:
        EncoderError: not installed, weights absent, or another vector space than the bundle's.
    """
    return Encoders(_load(bundle, "image", paths), _load(bundle, "text", paths))


def _load(bundle: Bundle, modality: Modality, paths: DeploymentPaths) -> Encoder:
    try:
        config = EncoderConfig.model_validate(bundle.meta.recipe["embed"][modality])
        encoder = load_encoder(config, paths)
    except (ImportError, KeyError, ValueError) as err:
        raise EncoderError(
            f"the bundle's {modality} encoder cannot be loaded: {err}",
            where="endpoint",
            fix="install denguard[serving,encoders] beside the endpoint",
        ) from err
    wanted = bundle.meta.image_encoder if modality == "image" else bundle.meta.text_encoder
    if asdict(encoder.spec) != wanted:
        raise EncoderError(
            f"the {modality} encoder here is not the one that the bundle was trained on",
            where="endpoint",
            fix="install the versions of requirements.lock; encoder weights are pinned by hash",
        )
    return encoder
