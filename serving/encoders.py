"""The champion's own encoders, for uploaded scenes and prompts; a linear champion needs none.

That they are the right ones is known at once from weights and settings. Loading them takes seconds
and hundreds of megabytes: who reads vectors or a forecast need not wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, EncoderConfig
from pipelines.contracts import Modality
from pipelines.embed.base import (
    Encoder,
    encoder_module,
    library_versions,
    load_encoder,
    weights_cache,
)
from pipelines.embed.weights import install_hint, locate_weights
from pipelines.errors import DenguardError, EncoderError
from pipelines.fusion.bundle import Bundle
from serving.vector_cache import VectorCache, key_of, spec_hash

# What libraries of another version may raise while they are imported and built.
_UNSOUND = (
    ImportError,
    DenguardError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
State = Literal["loading", "ready", "failed", "not installed"]
_WITHOUT = "or send vectors, or ask GET /forecast"
Specs = Mapping[Modality, Mapping[str, Any]]


class EncoderAway(EncoderError):
    """Nothing can be encoded here, whatever it is."""


@dataclass(frozen=True)
class NotHere:
    """Why an endpoint makes no vectors, and what to do about it."""

    state: State
    what: str
    fix: str


class Encoders:
    """An image and a text encoder. One call at a time: they are not made for threads.

    Attributes:
        specs: of both, as the bundle names them.
        vectors: of texts that were encoded before.
        not_here: why nothing can be encoded; None where it can, or may once they are loaded.
    """

    def __init__(
        self,
        configs: Mapping[Modality, EncoderConfig],
        specs: Specs,
        paths: DeploymentPaths,
        vectors: VectorCache,
        not_here: NotHere | None = None,
    ) -> None:
        self.specs, self.not_here = specs, not_here
        self._vectors, self._text_spec = vectors, spec_hash(specs["text"])
        self._configs, self._paths = configs, paths
        self._loaded: dict[Modality, Encoder] = {}
        self._turn = threading.Lock()

    @property
    def state(self) -> State:
        """How far they are."""
        if self.not_here is not None:
            return self.not_here.state
        return "ready" if len(self._loaded) == len(self._configs) else "loading"

    def same_as(self, other: Encoders) -> bool:
        """Whether they make the same vectors, and are as far or farther."""
        return self.specs == other.specs and self.state in ("ready", other.state)

    def load(self) -> None:
        """Load what is not loaded yet; nothing where they are not installed.

        Raises:
            EncoderAway: one cannot be loaded.
        """
        if self.state in ("ready", "not installed"):
            return
        with self._turn:
            for modality in self._configs:
                self._of(modality)
            self.not_here = None

    def encode(self, modality: Modality, item: Any) -> Float32s:
        """(D,) vector of a uint8 RGB array (H, W, 3), or of a text; waits until they are loaded.

        Raises:
            EncoderAway: they are not installed, or could not be loaded.
            EncoderError: this input gives no vector.
        """
        if modality == "text" and (known := self.known(item)) is not None:
            return known
        if self.not_here is not None:
            raise self._away(self.not_here)
        with self._turn:
            vector: Float32s = self._of(modality).encode([item])[0]
        if modality == "text":
            self._vectors.put(key_of(self._text_spec, item), vector)
        return vector

    def known(self, text: str) -> Float32s | None:
        """(D,) vector of a text that was encoded before and is still kept, to the bit."""
        return self._vectors.get(key_of(self._text_spec, text))

    def _of(self, modality: Modality) -> Encoder:
        if modality not in self._loaded:
            try:
                self._loaded[modality] = load_encoder(self._configs[modality], self._paths)
            except _UNSOUND as err:
                what = f"the champion's {modality} encoder cannot be loaded: {err}"
                self.not_here = NotHere("failed", what, f"read the endpoint's log, {_WITHOUT}")
                raise self._away(self.not_here) from err
        return self._loaded[modality]

    @staticmethod
    def _away(why: NotHere) -> EncoderAway:
        return EncoderAway(why.what, where="endpoint", fix=why.fix)


def needs_encoders(bundle: Bundle) -> bool:
    """Whether any horizon's model reads vectors."""
    return bundle.reads_vectors


def encoders_of(bundle: Bundle, paths: DeploymentPaths, vectors: VectorCache) -> Encoders:
    """The encoders that the bundle names, proved to be those, not loaded yet.

    Args:
        vectors: where vectors of texts are kept, of this champion and the ones before.

    An endpoint without their libraries makes no vectors, and serves all that needs none.

    Raises:
        EncoderError: weights absent, or another vector space than the bundle's.
    """
    specs: Specs = {"image": bundle.meta.image_encoder, "text": bundle.meta.text_encoder}
    try:
        configs: dict[Modality, EncoderConfig] = {
            modality: EncoderConfig.model_validate(bundle.meta.recipe["embed"][modality])
            for modality in specs
        }
    except (KeyError, ValueError) as err:
        raise EncoderError(
            f"the bundle does not name its encoders: {err}",
            where="endpoint",
            fix="train again; a bundle of this version names them in its recipe",
        ) from err
    not_here = _not_installed(configs)
    if not_here is None:
        for modality, config in configs.items():
            _prove(config, modality, specs[modality], paths)
    return Encoders(configs, specs, paths, vectors, not_here)


def _not_installed(configs: Mapping[Modality, EncoderConfig]) -> NotHere | None:
    """What is missing of the encoders' libraries."""
    for modality, config in configs.items():
        absent = [k for k, v in library_versions(config).items() if v == "absent"]
        if absent:
            return NotHere(
                "not installed",
                f"this endpoint has no {modality} encoder: {', '.join(absent)} is not installed",
                f"{install_hint(config)} beside the endpoint, {_WITHOUT}",
            )
    return None


def _prove(
    config: EncoderConfig, modality: Modality, wanted: Mapping[str, Any], paths: DeploymentPaths
) -> None:
    weights = locate_weights(config, weights_cache(paths))
    if asdict(encoder_module(config.name).describe(config, weights)) != wanted:
        raise EncoderError(
            f"the {modality} encoder here is not the one that the bundle was trained on",
            where="endpoint",
            fix="install the versions of requirements.lock; encoder weights are pinned by hash",
        )
