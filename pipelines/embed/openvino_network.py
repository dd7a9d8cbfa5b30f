"""A network that OpenVINO computes: compiled for this processor at fixed shapes, one input a call.

Nothing is left to the library's defaults where they depend on the machine: the precision, the
threads and the place of a thread are set.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from pipelines.arrays import AnyArray, Float32s
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import EncoderError

_PRECISION = {"float32": "f32", "bfloat16": "bf16"}
_NEEDS = {"float32": "FP32", "bfloat16": "BF16"}  # of the processor, in OpenVINO's words
_DEVICE = "CPU"


def openvino() -> Any:
    """The library without its telemetry, which would report every import to a web service unasked.

    Raises:
        EncoderError: it is not installed.
    """
    # The library takes a stub in place of what cannot be imported.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        import openvino as library
    except ImportError as err:
        raise EncoderError(
            f"OpenVINO cannot be imported: {err}", fix='pip install "denguard[fast]"'
        ) from err
    return library


@cache
def core() -> Any:
    """The library's core, kept for the life of the process.

    It sets up how threads take signals, and a process that had let it go ended with SIGSEGV at a
    later signal (2026.4.1).
    """
    return openvino().Core()


def capabilities() -> Collection[str]:
    """What this processor computes, in OpenVINO's words, such as BF16."""
    found = core().get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
    return cast(Collection[str], found)


def require_chip(runtime: RuntimeConfig, able: Collection[str]) -> None:
    """Raise EncoderError if a processor lacks the arithmetic: the library would take another one
    and say nothing."""
    if _NEEDS[runtime.dtype] not in able:
        raise EncoderError(
            f"this processor has no {runtime.dtype} arithmetic (it has {', '.join(sorted(able))})",
            fix="embed on a machine that has it, or adopt the encoder with runtime.dtype: float32",
        )


class OpenVinoNetwork:
    """A converted network. A shape is compiled when it is first met, and kept.

    Args:
        path: of the network's .xml.
        threads: of one call.

    Raises:
        EncoderError: OpenVINO is not installed, or the processor lacks the arithmetic.
    """

    def __init__(self, path: Path, runtime: RuntimeConfig, threads: int) -> None:
        require_chip(runtime, capabilities())
        self._network = core().read_model(path)
        self._settings = {
            "INFERENCE_PRECISION_HINT": _PRECISION[runtime.dtype],
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # two processes would sit on one core
        }
        self._compiled: dict[tuple[tuple[int, ...], ...], Any] = {}

    def __call__(self, *inputs: AnyArray) -> Float32s:
        """(width,) float32 of one input, given as the network's arrays, each (1, ...)."""
        shapes = tuple(one.shape for one in inputs)
        if shapes not in self._compiled:
            self._compiled[shapes] = self._compile(shapes)
        found = self._compiled[shapes].infer(list(inputs))[0]
        return np.array(found[0], dtype=np.float32)  # a copy: the next call writes over it

    def _compile(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        network = self._network.clone()
        network.reshape(dict(zip(network.inputs, map(list, shapes), strict=True)))
        return core().compile_model(network, _DEVICE, self._settings).create_infer_request()
