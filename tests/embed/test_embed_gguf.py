"""The header of a GGUF file says what the model reads and whether the file is whole."""

from __future__ import annotations

import ctypes
import json
import struct
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_gguf import gguf

from pipelines.config import load_profile
from pipelines.embed import llama
from pipelines.embed.gguf import BLOCKS, GgufHeader, read_header
from pipelines.embed.weights import Weights
from pipelines.errors import EncoderError

CONFIG = load_profile("satellitebench_gemma").embed.text
WHOLE = gguf(width=48)


def _read(folder: Path, content: bytes) -> GgufHeader:
    (folder / "tiny.gguf").write_bytes(content)
    return read_header(folder / "tiny.gguf")


def test_width_and_context_are_read_from_the_header(tmp_path: Path) -> None:
    assert _read(tmp_path, gguf(width=48, context=4096)) == GgufHeader(48, 4096, None, None)


@given(cut=st.integers(min_value=0, max_value=len(WHOLE) - 1))
def test_a_file_cut_anywhere_is_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("gguf")
    with pytest.raises(EncoderError, match="not a readable GGUF") as caught:
        _read(folder, WHOLE[:cut])
    assert "get the file again" in caught.value.fix
    assert _read(folder, WHOLE).width == 48


def test_a_file_without_its_last_tensor_says_which_and_where_it_should_end(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=f"token_embd.weight at {len(WHOLE)}: the file is cut"):
        _read(tmp_path, WHOLE[:-1])


def test_of_a_tensor_of_an_unknown_type_at_least_the_begin_must_be_there(tmp_path: Path) -> None:
    content = gguf(tensors=(("a", 0, 64), ("b", 999, 64)))
    assert _read(tmp_path, content + b"\1").width == 4
    with pytest.raises(EncoderError, match="its tensor b at"):
        _read(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"GGML" + WHOLE[4:], "does not begin with GGUF"),
        (b"GGUF" + struct.pack("<I", 1) + WHOLE[8:], "version is 1"),
        (gguf(more={"split.count": 3}), "one part of several"),
        (gguf(context=0), "no usable tiny.context_length"),
        (gguf(more={"general.architecture": "other"}), "no usable other.embedding_length"),
        (gguf(more={"general.alignment": 0}), "no usable general.alignment"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(EncoderError, match=says.replace(".", r"\.")):
        _read(tmp_path, content)


@pytest.mark.parametrize(
    ("more", "tokens"),
    [
        ({"tokenizer.ggml.model": "llama"}, "the model's own, with BOS"),
        (
            {"tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.add_eos_token": True},
            "the model's own, with BOS and EOS",
        ),
        (
            {"tokenizer.ggml.model": "llama", "tokenizer.ggml.add_bos_token": False},
            "the model's own",
        ),
        ({}, "the model's own"),
    ],
)
def test_the_record_says_what_is_put_around_a_text(
    tmp_path: Path, more: dict[str, str | bool], tokens: str
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(gguf(more={**more}))
    spec = llama.describe(CONFIG, Weights(tmp_path / "tiny.gguf", CONFIG.sha256, tmp_path))
    assert json.loads(spec.preprocessing)["tokens"] == tokens


@pytest.mark.parametrize(("context", "limit"), [(64, 64), (512, 512), (4096, 512)])
def test_no_more_is_read_than_the_model_was_trained_with(
    tmp_path: Path, context: int, limit: int
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(gguf(context=context))
    spec = llama.describe(CONFIG, Weights(tmp_path / "tiny.gguf", CONFIG.sha256, tmp_path))
    assert json.loads(spec.preprocessing)["max_tokens"] == limit


@pytest.mark.llama
@pytest.mark.skipif(
    find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed: make llama"
)
def test_the_sizes_of_tensor_blocks_are_the_librarys() -> None:
    spec = find_spec("llama_cpp")
    assert spec and spec.origin
    library = ctypes.CDLL(str(next((Path(spec.origin).parent / "lib").glob("libggml-base.so"))))
    library.ggml_type_size.restype, library.ggml_blck_size.restype = ctypes.c_size_t, ctypes.c_int64
    assert {k: (library.ggml_blck_size(k), library.ggml_type_size(k)) for k in BLOCKS} == BLOCKS
