"""Language models in GGUF through llama-cpp-python: one text a call, one model at a time.

Belongs here: the one way this project calls llama.cpp, and the preflight that keeps its crashes
away from the caller. Run as a module it is the preflight's child process.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import Encoder, Vectors, spec_of
from pipelines.embed.crash import crash_error
from pipelines.embed.gguf import embedding_width
from pipelines.embed.locks import acquire
from pipelines.embed.weights import Weights, install_hint
from pipelines.errors import EncoderError

log = logging.getLogger(__name__)

MODALITY: Modality = "text"
LIBRARIES = ("llama-cpp-python",)
CODE_ID = "llama-1"

# Batch and context hold the longest prompt at once: llama.cpp pools over what one batch holds.
_CONTEXT_TOKENS = 512
_PREPROCESSING = {"tokens": "the model's own, with BOS", "max_tokens": _CONTEXT_TOKENS, "call": "one text"}  # fmt: skip
_PREFLIGHT_TIMEOUT_S = 120.0
_LOCK_LIMIT_S = 4 * 3600.0  # behind the other shards' models
_POOLING = {"mean": 1, "cls": 2, "last": 3}  # llama.cpp's enum llama_pooling_type


def describe(config: EncoderConfig, weights: Weights) -> EncoderSpec:
    """Spec of the encoder, read from the GGUF header. Raises EncoderError."""
    if config.pooling not in _POOLING:
        raise EncoderError(
            f"{config.name} pools by one of {sorted(_POOLING)}, not {config.pooling}",
            fix="set embed.text.pooling to one of them",
        )
    width, dtype = embedding_width(weights.path), "as quantised in the file, float32 out"
    return spec_of(config, weights, MODALITY, width, _PREPROCESSING, CODE_ID, dtype)


def load(config: EncoderConfig, weights: Weights) -> LlamaEncoder:
    """The encoder, after a preflight in a child process; waits for another LLM to finish.

    Raises:
        EncoderError: llama-cpp-python is absent or crashes on this CPU, or the wait was too long.
    """
    if find_spec("llama_cpp") is None:
        raise EncoderError(
            "llama-cpp-python is not installed", where="encoder llama", fix=install_hint(config)
        )
    spec = describe(config, weights)
    lock = acquire(weights.cache / "llm.lock", "another language model on this machine", _LOCK_LIMIT_S)  # fmt: skip
    _preflight(weights.path, config)
    return LlamaEncoder(spec, open_model(weights.path, config.pooling, config.threads), lock)


def open_model(path: Path, pooling: str, threads: int) -> Any:
    """llama.cpp's model, for embedding only."""
    from llama_cpp import Llama

    return Llama(
        str(path),
        embedding=True,
        n_ctx=_CONTEXT_TOKENS,
        n_batch=_CONTEXT_TOKENS,
        n_ubatch=_CONTEXT_TOKENS,
        n_threads=threads,
        n_threads_batch=threads,
        pooling_type=_POOLING[pooling],
        verbose=False,
    )


def _preflight(path: Path, config: EncoderConfig) -> None:
    """Embed one word in a child process, where a crash of native code hurts nobody."""
    command = [sys.executable, "-m", "pipelines.embed.llama", str(path), config.pooling, str(config.threads)]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PREFLIGHT_TIMEOUT_S, check=False)  # fmt: skip
    except subprocess.TimeoutExpired as err:
        raise EncoderError(f"llama.cpp did not embed one word within {_PREFLIGHT_TIMEOUT_S:.0f} s", where=str(path), fix="check the load of this machine") from err  # fmt: skip
    if done.returncode != 0:
        log.error(done.stderr.decode("utf-8", "replace")[-2000:])
        raise crash_error(done.returncode, encoder=config.name, where=str(path))


class LlamaEncoder(Encoder):
    """Pooled token vectors of the last layer, not normalised."""

    def __init__(self, spec: EncoderSpec, model: Any, lock: FileLock) -> None:
        super().__init__(spec)
        self._model, self._lock = model, lock

    def encode_one(self, item: str) -> Vectors:
        """(width,) vector of one text; a longer one is cut to 512 tokens and counted.

        A list of texts in one call gives other vectors than one text a call, so only the latter
        is ever done.
        """
        if len(self._model.tokenize(item.encode("utf-8"))) > _CONTEXT_TOKENS:
            self.truncated += 1
        return np.asarray(self._model.embed(item, normalize=False), dtype=np.float32)

    def close(self) -> None:
        """Free the model and let the next one on this machine load."""
        self._model.close()
        self._lock.release()


if __name__ == "__main__":
    open_model(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])).embed("dengue")
