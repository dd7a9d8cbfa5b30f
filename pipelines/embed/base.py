"""What an encoder is, and how one is found by its name.

A new encoder is one new file with the five names of `EncoderModule`, and one line in
contracts.ENCODERS.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, EncoderConfig
from pipelines.contracts import ENCODERS, RGB_BANDS, EncoderSpec, Modality, canonical_json
from pipelines.embed.store import brought_specs, store_root
from pipelines.embed.weights import AbsentWeights, Weights, locate_weights
from pipelines.errors import EncoderError


class Encoder(ABC):
    """A frozen encoder. Inputs go through one at a time, so no vector depends on its companions.

    Not for several threads at once: tokenizers and llama.cpp keep state during a call.

    Attributes:
        spec: everything that decides the vectors.
        truncated: how many inputs so far were longer than the encoder reads.
    """

    def __init__(self, spec: EncoderSpec) -> None:
        self.spec = spec
        self.truncated = 0

    @abstractmethod
    def encode_one(self, item: Any) -> Float32s:
        """(width,) vector of one input: a uint8 array (H, W, bands that the profile names), or a
        text."""

    def encode(self, inputs: Sequence[Any]) -> Float32s:
        """(n, width) float32 raw vectors, not normalised.

        Raises:
            EncoderError: an input gave a vector of another width or a value that is not finite.
        """
        out = np.empty((len(inputs), self.spec.width), dtype=np.float32)
        for i, item in enumerate(inputs):
            vector = self.encode_one(item)
            if vector.shape != (self.spec.width,) or not np.isfinite(vector).all():
                raise EncoderError(
                    f"{self.spec.encoder} gave a vector of shape {vector.shape} that is not finite "
                    f"and {self.spec.width} wide",
                    where=f"input {i}",
                    fix="look at this input; if it is sound, the weights or libraries are not",
                )
            out[i] = vector
        return out

    def close(self) -> None:  # noqa: B027  (most encoders hold nothing but memory)
        """Give back what the encoder holds beyond memory, such as a machine-wide lock."""


class EncoderModule(Protocol):
    """What the file of an encoder holds; `load_untrained` beside them where a library can do it."""

    MODALITY: Modality
    LIBRARIES: tuple[str, ...]  # distributions whose versions are recorded
    CODE_ID: str  # raised by hand when the file's own code changes its vectors

    def describe(self, config: EncoderConfig, weights: Weights) -> EncoderSpec:
        """The spec, without loading the encoder or any heavy library."""

    def load(self, config: EncoderConfig, weights: Weights) -> Encoder:
        """The encoder, ready to encode."""


def spec_of(
    config: EncoderConfig,
    weights: Weights,
    modality: Modality,
    width: int,
    preprocessing: Mapping[str, object],
    code_id: str,
    dtype: str = "float32",
    channels: int = len(RGB_BANDS),
    shape: str | None = None,
) -> EncoderSpec:
    """An encoder's spec from what its profile and weights say and what its own file decides.

    Args:
        channels: that an image encoder's weights take.
        shape: of the inputs of its network where another runtime computes it, in words; None if
            none can.

    Raises:
        EncoderError: the profile names another number of bands, or a runtime that is not possible.
    """
    if modality == "text" and config.bands is not None:
        raise EncoderError(
            f"{config.name} reads texts, and is given bands",
            fix="leave `bands` out of the text encoder",
        )
    if modality == "image" and len(config.reads_bands) != channels:
        raise EncoderError(
            f"{config.name} takes {channels} channels, the profile gives it "
            f"{', '.join(config.reads_bands)}",
            fix=f"name {channels} bands as embed.image.bands, or use weights that take these",
        )
    if config.bands is not None:
        preprocessing = {**preprocessing, "scene": _bands_in_words(config.bands)}
    if config.runtime is not None:
        if shape is None:
            raise EncoderError(
                f"{config.name} is not computed by {config.runtime.engine}",
                fix=f"leave `runtime` out of the {modality} encoder",
            )
        preprocessing = {**preprocessing, "runtime": f"{config.runtime.engine}, {shape}"}
        dtype = config.runtime.dtype
    return EncoderSpec(
        encoder=config.name,
        modality=modality,
        width=width,
        weights_sha256=weights.sha256,
        preprocessing=canonical_json(preprocessing),
        pooling=config.pooling,
        dtype=dtype,
        threads=config.threads,
        code_id=code_id,
    )


def encoder_module(name: str) -> EncoderModule:
    """The file of an encoder, imported on first use.

    Raises:
        EncoderError: no such name.
        ConfigError: what it stands for cannot be imported.
    """
    if name not in ENCODERS:
        raise EncoderError(f"no encoder {name!r}", fix=f"use one of {sorted(ENCODERS)}")
    return cast(EncoderModule, ENCODERS.load(name))


def weights_cache(paths: DeploymentPaths) -> Path:
    """Where verified and assembled weights are remembered."""
    return paths.artifacts / "weights"


def describe_encoder(config: EncoderConfig, paths: DeploymentPaths) -> EncoderSpec:
    """Spec of the encoder that a profile names, found without loading it.

    Without its weights it is that of vectors that were brought here, if there are any of it.

    Raises:
        EncoderError: the weights are absent, are not the pinned ones, or a setting is not
            supported.
    """
    try:
        weights = locate_weights(config, weights_cache(paths))
    except AbsentWeights:
        known = [spec for spec in brought_specs(store_root(paths)) if could_be(config, spec)]
        if len(known) != 1:
            raise
        return known[0]
    return encoder_module(config.name).describe(config, weights)


def could_be(config: EncoderConfig, spec: EncoderSpec) -> bool:
    """Whether a spec agrees with all that a profile says of an encoder whose weights are absent."""
    module, made = encoder_module(config.name), json.loads(spec.preprocessing)
    named = (spec.encoder, spec.weights_sha256, spec.pooling, spec.threads)
    meant = (config.name, config.sha256, config.pooling, config.threads)
    kind = (spec.modality, spec.code_id) == (module.MODALITY, module.CODE_ID)
    bands = config.bands is None or made.get("scene") == _bands_in_words(config.bands)
    plain = config.bands is not None or not str(made.get("scene", "")).startswith("uint8 B")
    return named == meant and kind and bands and plain and _same_runtime(config, spec, made)


def _same_runtime(config: EncoderConfig, spec: EncoderSpec, made: Mapping[str, object]) -> bool:
    if config.runtime is None:
        return "runtime" not in made
    engine = str(made.get("runtime", "")).partition(",")[0]
    return (engine, spec.dtype) == (config.runtime.engine, config.runtime.dtype)


def _bands_in_words(bands: Sequence[str]) -> str:
    """What a spec says of scenes that are read in bands of their own."""
    return f"uint8 {', '.join(bands)} of pipelines.data.scenes.read_scene"


def load_encoder(config: EncoderConfig, paths: DeploymentPaths) -> Encoder:
    """The encoder that a profile names, loaded in this process. Raises EncoderError."""
    return encoder_module(config.name).load(config, locate_weights(config, weights_cache(paths)))


def untrained(config: EncoderConfig, paths: DeploymentPaths, seed: int) -> Encoder:
    """The encoder that a profile names with random weights: its library's own initialisation.

    Architecture and preprocessing are those of the configured weights, which must lie here. Such
    vectors are for the cone effect (pipelines/paper/cone.py) and never enter the store.

    Raises:
        EncoderError: the weights are absent, or the encoder has no random initialisation.
    """
    make = getattr(encoder_module(config.name), "load_untrained", None)
    if make is None:
        raise EncoderError(
            f"{config.name} has no random initialisation: its library only opens finished weights",
            fix="leave this encoder out of the cone experiment",
        )
    plain = config.by_torch()
    encoder: Encoder = make(plain, locate_weights(plain, weights_cache(paths)), seed)
    return encoder


def untrained_spec(spec: EncoderSpec, seed: int) -> EncoderSpec:
    """The spec of an encoder with random weights: it must not claim the hash of the
    trained ones."""
    return replace(spec, weights_sha256=f"untrained-seed-{seed}")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch draws from this seed inside; outside, its generator is as before."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def library_versions(config: EncoderConfig) -> dict[str, str]:
    """Versions of the libraries that an encoder's vectors pass through; "absent" if not
    installed."""
    runtime = (config.runtime.engine,) if config.runtime else ()
    return installed_versions((*encoder_module(config.name).LIBRARIES, *runtime))


def installed_versions(libraries: Iterable[str]) -> dict[str, str]:
    """Versions of distributions; "absent" of one that is not installed."""
    versions = {}
    for library in libraries:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = "absent"
    return versions
