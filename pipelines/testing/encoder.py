"""What every encoder must keep: vectors that follow from one input and the spec alone."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import (
    Encoder,
    EncoderModule,
    describe_encoder,
    encoder_module,
    weights_cache,
)
from pipelines.embed.weights import Weights, locate_weights
from pipelines.errors import EncoderError
from pipelines.testing.asking import without_error

_CLOSE = 1e-5  # of a vector's length: batches of an encoder of its own may end in other last digits
_POOLINGS = get_args(EncoderConfig.model_fields["pooling"].annotation)
_LONG = 200  # times an input's own length


def check_encoder(config: EncoderConfig, inputs: Sequence[Any]) -> None:
    """Raise AssertionError unless an encoder keeps what embed/base.py says.

    Args:
        config: as a profile's embed.image or embed.text; its weights lie on this machine.
        inputs: three or more that differ: uint8 arrays (H, W, bands that config names), or texts.
    """
    assert len(inputs) > 2, "give three inputs or more"
    with tempfile.TemporaryDirectory() as scratch, no_network() as reached:
        paths = DeploymentPaths(home=Path(scratch))
        module, weights = encoder_module(config.name), locate_weights(config, weights_cache(paths))
        _check_module(module)
        spec = describe_encoder(config, paths)
        _check_spec(module, spec, config, weights)
        vectors = _check_loaded(module, config, weights, inputs)
        again = module.load(config, weights)
        assert np.array_equal(again.encode(inputs), vectors), "loaded again, it gives other vectors"
        again.close()
    assert not reached, f"it reaches for the network: {', '.join(sorted(set(reached)))}"


def _check_module(module: EncoderModule) -> None:
    assert module.MODALITY in get_args(Modality), f"MODALITY is {module.MODALITY!r}"
    assert module.LIBRARIES and all(isinstance(n, str) for n in module.LIBRARIES), (
        "LIBRARIES names no distribution"
    )
    assert isinstance(module.CODE_ID, str) and module.CODE_ID, "CODE_ID is no text"


def _check_spec(
    module: EncoderModule, spec: EncoderSpec, config: EncoderConfig, weights: Weights
) -> None:
    in_spec = (
        spec.encoder,
        spec.modality,
        spec.weights_sha256,
        spec.pooling,
        spec.threads,
        spec.code_id,
    )
    meant = (
        config.name,
        module.MODALITY,
        weights.sha256,
        config.pooling,
        config.threads,
        module.CODE_ID,
    )
    assert in_spec == meant, f"the spec says {in_spec}, and profile, weights and module say {meant}"
    assert module.describe(config, weights) == spec, "`describe` says other things when asked again"
    others = {
        "weights": module.describe(config, replace(weights, sha256="0" * 64)),
        "threads": module.describe(
            config.model_copy(update={"threads": config.threads + 1}), weights
        ),
    }
    changed = {f"pooling {p}": {"pooling": p} for p in set(_POOLINGS) - {config.pooling}}
    if module.MODALITY == "image":
        changed["bands"] = {"bands": tuple(reversed(config.reads_bands))}
    for what, keys in changed.items():
        with suppress(EncoderError):
            others[what] = module.describe(config.model_copy(update=keys), weights)
    same = [what for what, other in others.items() if other.space_id == spec.space_id]
    assert not same, (
        f"the vector space keeps its name with other {', '.join(sorted(same))}: stored vectors "
        "would be mixed"
    )


def _check_loaded(
    module: EncoderModule, config: EncoderConfig, weights: Weights, inputs: Sequence[Any]
) -> Float32s:
    encoder = module.load(config, weights)
    try:
        assert encoder.spec == module.describe(config, weights), (
            "loaded, its spec is another than `describe` says"
        )
        assert encoder.truncated == 0, "`truncated` counts inputs before there was one"
        vectors = _check_vectors(encoder, inputs)
        if module.MODALITY == "text":
            long = f"{inputs[0]} " * _LONG
            without_error(lambda: _encoded(encoder, [long], "a long text"), "a long text")
    finally:
        encoder.close()
        encoder.close()  # twice is once
    return vectors


def _check_vectors(encoder: Encoder, inputs: Sequence[Any]) -> Float32s:
    before = [np.array(item) for item in inputs]
    vectors = _encoded(encoder, inputs, "the inputs")
    assert all(np.array_equal(a, b) for a, b in zip(before, inputs, strict=True)), (
        "it changes its inputs"
    )
    assert np.array_equal(_encoded(encoder, inputs, "the inputs again"), vectors), (
        "the same inputs give other vectors when asked again"
    )
    length = max(float(np.linalg.norm(vectors, axis=1).max()), 1e-12)
    turned = _encoded(encoder, inputs[::-1], "the inputs in another order")[::-1]
    alone = np.concatenate([_encoded(encoder, [item], "one input") for item in inputs])
    for what, other in (("the order of the inputs", turned), ("how many are asked at once", alone)):
        far = float(np.abs(other - vectors).max()) / length
        assert far <= _CLOSE, f"vectors depend on {what}: by {far:.1e} of their length"
    assert len(np.unique(vectors, axis=0)) > 1, "different inputs give one vector"
    assert _encoded(encoder, [], "no input").shape == (0, encoder.spec.width)
    return vectors


def _encoded(encoder: Encoder, inputs: Sequence[Any], what: str) -> Float32s:
    vectors = encoder.encode(inputs)
    shape = (len(inputs), encoder.spec.width)
    assert isinstance(vectors, np.ndarray) and vectors.shape == shape, (
        f"{what}: vectors of shape {np.shape(vectors)}, not {shape}"
    )
    assert vectors.dtype == np.float32, f"{what}: vectors of {vectors.dtype}, not float32"
    assert np.isfinite(vectors).all(), f"{what}: a value is not finite"
    return vectors


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Inside, nothing of this process reaches a network; what tried to is listed."""
    reached: list[str] = []

    def refuse(*address: Any, **_: Any) -> Any:
        reached.append(str(address[-1] if isinstance(address[0], socket.socket) else address[0]))
        raise OSError("a check has no network")

    kept = (socket.socket.connect, socket.getaddrinfo)
    socket.socket.connect, socket.getaddrinfo = refuse, refuse  # type: ignore[method-assign]
    try:
        yield reached
    finally:
        socket.socket.connect, socket.getaddrinfo = kept  # type: ignore[method-assign]
