"""The self-test of runtimes: the same inputs by torch and by the others, timed in turn, compared.

Nothing changes by it. What it chooses is another vector space, and takes effect where a person
writes it into a profile or adopts it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, EncoderConfig
from pipelines.embed.base import Encoder, load_encoder
from pipelines.embed.golden import cosines
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import EncoderError

# To the vectors of torch in float32, by the dtype of the arithmetic.
LEAST_COSINE: Mapping[str, float] = {"float32": 0.9999, "bfloat16": 0.999}
RUNTIMES = (RuntimeConfig(dtype="float32"), RuntimeConfig(dtype="bfloat16"))
_WORTH = 1.2  # times faster: less is not worth another vector space
_ROUNDS = 3


@dataclass(frozen=True)
class Tried:
    """One way of computing an encoder.

    Attributes:
        runtime: None for torch in float32.
        cpu_ms: milliseconds of processor an input, of all threads; None if it cannot be run.
        least_cosine: of the inputs, to torch's vectors; None for torch itself.
        refused: why it may not be used; "" if it may.
    """

    runtime: RuntimeConfig | None
    cpu_ms: float | None
    least_cosine: float | None = None
    refused: str = ""

    @property
    def name(self) -> str:
        """Such as "openvino, bfloat16"."""
        return f"{self.runtime.engine}, {self.runtime.dtype}" if self.runtime else "torch, float32"


@dataclass(frozen=True)
class SelfTest:
    """What was seen on this machine; torch comes first."""

    tried: tuple[Tried, ...]

    @property
    def chosen(self) -> Tried:
        """The fastest that may be used, if it is worth another vector space; else torch."""
        torch = self.tried[0]
        allowed = [one for one in self.tried if not one.refused and one.cpu_ms is not None]
        best = min(allowed, key=lambda one: one.cpu_ms or 0.0)
        return best if self.times_faster(best) >= _WORTH else torch

    def times_faster(self, one: Tried) -> float:
        """Than torch, in processor time; 0 if it cannot be run."""
        return (self.tried[0].cpu_ms or 0.0) / one.cpu_ms if one.cpu_ms else 0.0

    def lines(self) -> list[str]:
        """A line for each way, in words."""
        return [self._line(one) for one in self.tried]

    def _line(self, one: Tried) -> str:
        words = [one.name]
        if one.cpu_ms is not None:
            words.append(f"{one.cpu_ms:.1f} ms of processor an input")
        if one.cpu_ms is not None and one.runtime:
            words.append(f"{self.times_faster(one):.1f} times as fast")
        if one.least_cosine is not None:
            words.append(f"least cosine {one.least_cosine:.6f}")
        verdict = f"refused: {one.refused}" if one.refused else ""
        return ", ".join(words) + (f"; {verdict}" if verdict else "")


def try_runtimes(
    config: EncoderConfig,
    inputs: Sequence[Any],
    paths: DeploymentPaths,
    least: Mapping[str, float] = LEAST_COSINE,
) -> SelfTest:
    """Embed inputs by torch and by each runtime, in turn, and say which to use.

    Args:
        inputs: as the encoder takes them; real ones tell more than made-up ones.
        least: cosine that each dtype must exceed.

    Raises:
        EncoderError: the encoder cannot be loaded by torch.
    """
    torch = load_encoder(config.by_torch(), paths)
    expected = torch.encode(inputs)
    judged = [_judge(config, runtime, inputs, expected, paths, least) for runtime in RUNTIMES]
    loaded = [torch, *(encoder for encoder, _ in judged if encoder)]
    timed = iter(_cpu_ms(loaded, inputs))
    tried = [Tried(None, next(timed))]
    for encoder, one in judged:
        ms = next(timed) if encoder else None
        tried.append(Tried(one.runtime, ms, one.least_cosine, one.refused))
    return SelfTest(tuple(tried))


def require_alike(
    config: EncoderConfig, inputs: Sequence[Any], vectors: Float32s, paths: DeploymentPaths
) -> None:
    """Hold the first vectors of a space against torch's, before anything is kept there.

    Raises:
        EncoderError: a runtime gives other vectors of these weights than its dtype may.
    """
    if config.runtime is None:
        return
    expected = load_encoder(config.by_torch(), paths).encode(inputs)
    least, found = LEAST_COSINE[config.runtime.dtype], float(cosines(vectors, expected).min())
    if found <= least:
        raise EncoderError(
            f"{config.name} by {config.runtime.engine} in {config.runtime.dtype} is too far from "
            f"torch in float32: least cosine {found:.6f}, it must exceed {least}",
            fix="run `denguard runtimes` and take what it chooses, or leave `runtime` out",
        )


def _judge(
    config: EncoderConfig,
    runtime: RuntimeConfig,
    inputs: Sequence[Any],
    expected: Float32s,
    paths: DeploymentPaths,
    least: Mapping[str, float],
) -> tuple[Encoder | None, Tried]:
    """The encoder by a runtime, None if it cannot be loaded, and what its vectors are like."""
    try:
        encoder = load_encoder(config.model_copy(update={"runtime": runtime}), paths)
    except EncoderError as err:
        return None, Tried(runtime, None, refused=err.what)
    found = encoder.encode(inputs)
    cosine = float(cosines(found, expected).min())
    refused = ""
    if cosine <= least[runtime.dtype]:
        refused = f"the cosine must exceed {least[runtime.dtype]}"
    elif not np.array_equal(encoder.encode(list(reversed(inputs)))[::-1], found):
        refused = "in another order the inputs have other bits"
    return encoder, Tried(runtime, None, cosine, refused)


def _cpu_ms(encoders: Sequence[Encoder], inputs: Sequence[Any]) -> list[float]:
    """Of each encoder, in turn: processor time, so that other work on the machine counts little."""
    rounds: list[list[float]] = []
    for _ in range(_ROUNDS):
        seconds = []
        for encoder in encoders:
            began = time.process_time()
            encoder.encode(inputs)
            seconds.append(time.process_time() - began)
        rounds.append(seconds)
    return [1000 * median(each) / len(inputs) for each in zip(*rounds, strict=True)]
