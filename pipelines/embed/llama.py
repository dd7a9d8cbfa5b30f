"""Language models in GGUF through llama-cpp-python: one text a call, one model at a time.

Run as a module it is the preflight's child process.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from pipelines.arrays import Float32s
from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import Encoder, spec_of
from pipelines.embed.crash import crash_error, crash_signal
from pipelines.embed.gguf import GgufHeader, read_header
from pipelines.embed.llama_hidden import LlamaModel
from pipelines.embed.locks import held
from pipelines.embed.weights import Weights, install_hint
from pipelines.errors import EncoderError

log = logging.getLogger(__name__)

MODALITY: Modality = "text"
LIBRARIES = ("llama-cpp-python",)
CODE_ID = "llama-1"

# Batch and context hold the longest prompt at once: llama.cpp pools over what one batch holds.
_MAX_TOKENS = 512
# The preflight reads the whole file once (7 GB from a slow disk), and the child that waits for it
# must not be silent for longer than run.py allows.
_PREFLIGHT_TIMEOUT_S = (120.0, 540.0)
_SLOW_DISK_BYTES_S = 20e6
_LOCK_LIMIT_S = 4 * 3600.0  # behind the other shards' models
_REASON = "error loading model"  # as llama.cpp begins its own
_POOLING = {"mean": 1, "cls": 2, "last": 3}  # llama.cpp's enum llama_pooling_type


def describe(config: EncoderConfig, weights: Weights) -> EncoderSpec:
    """Spec of the encoder, read from the GGUF header, whose file must be whole. Raises
    EncoderError.
    """
    return _spec(config, weights, read_header(weights.path))


def _spec(config: EncoderConfig, weights: Weights, header: GgufHeader) -> EncoderSpec:
    if config.pooling not in _POOLING:
        raise EncoderError(
            f"{config.name} pools by one of {sorted(_POOLING)}, not {config.pooling}",
            fix="set embed.text.pooling to one of them",
        )
    made, dtype = _preprocessing(header), "as quantised in the file, float32 out"
    return spec_of(config, weights, MODALITY, header.width, made, CODE_ID, dtype)


def _preprocessing(header: GgufHeader) -> dict[str, object]:
    ends = " and ".join(
        n for n, added in (("BOS", header.adds_bos), ("EOS", header.adds_eos)) if added
    )
    tokens = f"the model's own, with {ends}" if ends else "the model's own"
    return {"tokens": tokens, "max_tokens": _limit(header), "call": "one text"}


def _limit(header: GgufHeader) -> int:
    """Tokens of the longest prompt that is read whole: never more than the model was
    trained with."""
    return min(_MAX_TOKENS, header.context_tokens)


def load(config: EncoderConfig, weights: Weights) -> LlamaEncoder:
    """The encoder, after a preflight in a child process; waits for another LLM to finish.

    Raises:
        EncoderError: llama-cpp-python is absent or crashes on this CPU, the model's file is cut or
            unknown to it, or the wait was too long.
    """
    if find_spec("llama_cpp") is None:
        raise EncoderError(
            "llama-cpp-python is not installed", where="encoder llama", fix=install_hint(config)
        )
    header = read_header(weights.path)
    spec, limit = _spec(config, weights, header), _limit(header)
    alone = held(
        weights.cache / "llm.lock", "another language model on this machine", _LOCK_LIMIT_S
    )
    with ExitStack() as while_open:
        while_open.enter_context(alone)
        _preflight(weights.path, config, limit)
        model = open_model(weights.path, config.pooling, config.threads, limit)
        return LlamaEncoder(spec, model, while_open.pop_all(), limit)


def open_model(
    path: Path, pooling: str, threads: int, limit: int, talk: bool = False
) -> LlamaModel:
    """llama.cpp's model, for embedding only texts of up to `limit` tokens; its lines go to
    stderr."""
    return LlamaModel(
        str(path),
        pooling,
        embedding=True,
        n_ctx=limit,
        n_batch=limit,
        n_ubatch=limit,
        n_threads=threads,
        n_threads_batch=threads,
        pooling_type=_POOLING[pooling],
        verbose=talk,
    )


def _preflight(path: Path, config: EncoderConfig, limit: int) -> None:
    """Embed one word in a child process, so that a crash of native code does not end this one."""
    command = [
        sys.executable,
        "-m",
        "pipelines.embed.llama",
        str(path),
        config.pooling,
        str(config.threads),
        str(limit),
    ]
    least, most = _PREFLIGHT_TIMEOUT_S
    timeout_s = min(most, least + path.stat().st_size / _SLOW_DISK_BYTES_S)
    log.info("trying %s in a process of its own", path.name)
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as err:
        raise EncoderError(
            f"llama.cpp did not embed one word within {timeout_s:.0f} s",
            where=str(path),
            fix="check the load, the memory and the disk of this machine",
        ) from err
    if done.returncode != 0:
        raise _preflight_error(done, config, path)


def _preflight_error(
    done: subprocess.CompletedProcess[bytes], config: EncoderConfig, path: Path
) -> EncoderError:
    stderr = done.stderr.decode("utf-8", "replace").strip()
    if stderr:
        log.error(stderr[-2_000:])
    if crash_signal(done.returncode):
        return crash_error(done.returncode, encoder=config.name, where=str(path))
    lines = stderr.splitlines()
    reason = [line for line in lines if _REASON in line] or lines or ["it does not say why"]
    return EncoderError(
        f"llama.cpp does not run this model: {reason[-1]}",
        where=str(path),
        fix="take a GGUF that the installed llama-cpp-python can read: this one is of an "
        "architecture it does not know, or damaged",
    )


class LlamaEncoder(Encoder):
    """Pooled token vectors of the last layer, not normalised."""

    def __init__(self, spec: EncoderSpec, model: LlamaModel, lock: ExitStack, limit: int) -> None:
        super().__init__(spec)
        self._model, self._lock, self._limit = model, lock, limit

    def encode_one(self, item: str) -> Float32s:
        """(width,) vector of one text; of a longer one than the limit, of its first tokens;
        counted.

        The limit counts BOS; a text that is cut ends without the EOS that some models add. A list
        of texts in one call gives other vectors than one text a call, so only the latter is ever
        done; nor is the context of a text before reused (docs/adr/0015).

        Raises:
            EncoderError: the model makes no token of this text.
        """
        tokens = self._model.tokens(item)
        if tokens == 0:  # llama.cpp would write before its batch
            raise EncoderError(
                "this model makes no token of an empty text",
                where=self.spec.encoder,
                fix="leave the text of this row missing",
            )
        if tokens > self._limit:
            self.truncated += 1
        return self._model.vector(item)

    def close(self) -> None:
        """Free the model and let the next one on this machine load."""
        self._model.close()
        self._lock.close()


if __name__ == "__main__":
    path, pooling, threads, limit = sys.argv[1:]
    open_model(Path(path), pooling, int(threads), int(limit), talk=True).vector("dengue")
