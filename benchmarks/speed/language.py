"""The language model's encoder beside llama.cpp's own prompt rate: the same tokens, one thread.

The rival is what llama-bench times as `pp`: one call of llama_decode with a prompt's tokens, no
Python between them, no vector asked for. Prompts are distinct, as those that the store lacks are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from support.random_llama import Shape, write

from benchmarks.speed.encoders import PROMPT
from benchmarks.speed.row import Row, timed_row
from benchmarks.speed.side_by_side import side_by_side
from pipelines.arrays import Int32s
from pipelines.config import DeploymentPaths, EncoderConfig, load_profile
from pipelines.embed.base import Encoder, load_encoder, weights_cache
from pipelines.embed.weights import locate_weights
from pipelines.errors import EncoderError
from pipelines.storage import sha256_file

_PROMPTS = 6
_ROUNDS = 3
_LEAST = 0.85  # of llama.cpp's own rate
_MADE_UP = Shape(width=1024, hidden=2816, layers=12, heads=16, tokens=32_000, context=512)


@dataclass(frozen=True)
class _Case:
    name: str
    config: EncoderConfig
    note: str = ""


def rows() -> list[Row]:
    """A row a model; one that says why there are none without llama.cpp, which `make llama`
    builds."""
    if find_spec("llama_cpp") is None:
        return [_without("llama-cpp-python is not installed (`make llama` builds it)")]
    with tempfile.TemporaryDirectory() as folder:
        home = DeploymentPaths(home=Path(folder))
        return [_row(case, home) for case in _cases(home)]


def _without(why: str) -> Row:
    return Row("a language model's vectors: not measured", "tokens/s", 0.0, note=why)


def _prompts() -> list[str]:
    return [PROMPT.format(week=at, a=7 * at, b=300 + at) for at in range(1, _PROMPTS + 1)]


def _cases(home: DeploymentPaths) -> Iterator[_Case]:
    embed = load_profile("satellitebench_gemma").embed
    assert embed is not None
    try:
        locate_weights(embed.text, weights_cache(home))
        yield _Case("Gemma 3 270M (Q4_K_M)", embed.text)
    except EncoderError:
        pass  # its package is not installed
    path = write(home.home / "random.gguf", _MADE_UP, _prompts())
    made = {"name": "llama", "folder": path.parent, "file": path.name, "pooling": "mean"}
    config = EncoderConfig.model_validate({**made, "sha256": sha256_file(path)})
    yield _Case("Llama's shape (12 x 1,024, Q8_0)", config, "; random weights")


def _row(case: _Case, home: DeploymentPaths) -> Row:
    prompts = _prompts()
    encoder = load_encoder(case.config, home)
    path = locate_weights(case.config, weights_cache(home)).path
    try:
        with _decoding(path, case.config.threads, prompts) as (decode, tokens):
            return _timed(case, encoder, decode, prompts, tokens)
    finally:
        encoder.close()


def _timed(
    case: _Case, encoder: Encoder, decode: Callable[[], None], prompts: Sequence[str], tokens: int
) -> Row:
    own, rival = side_by_side(lambda: encoder.encode(prompts), decode, _ROUNDS)
    ours, theirs = (tokens / median(one.wall for one in side) for side in (own, rival))
    return timed_row(
        f"{case.name}: vectors of {len(prompts)} distinct prompts, {tokens} tokens, one thread",
        own,
        rival,
        rival_is="llama_decode of the same tokens",
        goal=_LEAST,
        limit="llama.cpp's own prompt rate",
        note=f"{ours:.0f} tokens a second beside {theirs:.0f}{case.note}",
    )


@contextmanager
def _decoding(
    path: Path, threads: int, prompts: Sequence[str]
) -> Iterator[tuple[Callable[[], None], int]]:
    """What puts each prompt through a context of its own as llama-bench does; tokens in all."""
    import llama_cpp

    model = llama_cpp.Llama(
        str(path),
        n_ctx=512,
        n_batch=512,
        n_ubatch=512,
        n_threads=threads,
        n_threads_batch=threads,
        verbose=False,
    )
    tokens = [np.array(model.tokenize(one.encode()), np.int32) for one in prompts]

    def decode() -> None:
        for one in tokens:
            _decode(llama_cpp, model.ctx, one)

    try:
        yield decode, sum(map(len, tokens))
    finally:
        model.close()


def _decode(library: Any, context: Any, tokens: Int32s) -> None:
    library.llama_memory_clear(library.llama_get_memory(context), False)
    values = tokens.ctypes.data_as(library.ctypes.POINTER(library.llama_token))
    if library.llama_decode(context, library.llama_batch_get_one(values, len(tokens))) != 0:
        raise RuntimeError("llama_decode ended without success")
    library.llama_synchronize(context)
