"""llama.cpp stopped at its last norm: the bits of its own end, and nothing computed after it.

On a small model with random weights, whose file the test writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support.random_llama import Shape, write

from pipelines.arrays import Float32s
from pipelines.embed import llama_pooling
from pipelines.embed.gguf import read_header
from pipelines.embed.llama import open_model
from pipelines.embed.llama_hidden import LlamaModel
from pipelines.errors import EncoderError

needs_llama = pytest.mark.skipif(
    find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed: make llama"
)
PROMPT = "Dengue en Medellín, semana 31 de 2018. Casos recientes: 12, 15, 9, 4. Lluvia 31 mm."
# Of one token to more than the context holds.
TEXTS = tuple((PROMPT * 9)[:size] for size in (1, 2, 7, 33, 90, 250, 700))
POOLINGS = {"mean": 1, "cls": 2, "last": 3}  # llama.cpp's numbers
THREADS, LIMIT = 1, 256


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("llama") / "random.gguf", Shape(), [PROMPT])


@contextmanager
def opened(model_file: Path, pooling: str = "mean") -> Iterator[LlamaModel]:
    model = open_model(model_file, pooling, THREADS, LIMIT)
    yield model
    model.close()


def by_llama_itself(model_file: Path, pooling: str) -> Float32s:
    """(texts, width): as llama-cpp-python gives them when nobody watches."""
    from llama_cpp import Llama

    sizes = dict.fromkeys(("n_ctx", "n_batch", "n_ubatch"), LIMIT)
    threads = dict.fromkeys(("n_threads", "n_threads_batch"), THREADS)
    own = {"embedding": True, "pooling_type": POOLINGS[pooling], "verbose": False}
    model = Llama(str(model_file), **sizes, **threads, **own)
    found = np.array([model.embed(text) for text in TEXTS], np.float32)
    model.close()
    return found


def test_the_random_model_is_a_whole_file(model_file: Path) -> None:
    header = read_header(model_file)
    assert (header.width, header.context_tokens, header.adds_bos) == (64, 512, True)


@needs_llama
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_vector_has_the_bits_of_llamas_own_end(model_file: Path, pooling: str) -> None:
    with opened(model_file, pooling) as model:
        assert model.stops
        found = np.stack([model.vector(text) for text in TEXTS])
    assert found.std() > 0.1
    assert np.array_equal(found, by_llama_itself(model_file, pooling))


@needs_llama
def test_a_vectors_bits_do_not_depend_on_the_texts_before_it(model_file: Path) -> None:
    with opened(model_file) as model:
        there = [model.vector(text) for text in TEXTS]
        back = [model.vector(text) for text in reversed(TEXTS)]
    assert np.array_equal(there, back[::-1])


@needs_llama
def test_the_matrix_of_the_vocabulary_is_not_computed(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    def noted(tensor: int) -> bytes:
        asked.append(name_of(tensor))
        return asked[-1]

    name_of = llama_pooling.name_of
    monkeypatch.setattr(llama_pooling, "name_of", noted)
    with opened(model_file) as model:
        assert b"result_output" in asked  # when it was tried out, to its end
        asked.clear()
        model.vector(PROMPT)
    assert asked[-1] == b"result_norm"


@needs_llama
def test_a_model_whose_bits_would_differ_is_computed_to_its_end(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooled = llama_pooling.pooled
    monkeypatch.setattr(llama_pooling, "pooled", lambda seen, how: pooled(seen, how) * 2)
    with opened(model_file) as model:
        assert not model.stops
        found = np.stack([model.vector(text) for text in TEXTS])
    assert np.array_equal(found, by_llama_itself(model_file, "mean"))


@needs_llama
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_states_that_cannot_be_read_are_an_error_and_not_a_vector(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_: int) -> Float32s:
        raise MemoryError

    with opened(model_file) as model:
        monkeypatch.setattr(llama_pooling, "rows_of", no_room)
        with pytest.raises(EncoderError, match="hidden states could not be read"):
            model.vector(PROMPT)
