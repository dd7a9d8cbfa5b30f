"""A language model of Llama's architecture with random weights, as a GGUF file that llama.cpp runs.

Written by the format's text (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), so that no
library and no download is needed. Its vectors mean nothing; its time is that of its sizes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from support.tiny_gguf import entry, text

_F32, _Q8_0 = 0, 8  # ggml's types of tensors
_BLOCK = 32  # values of Q8_0 that share a scale
_ALIGNED = 32  # bytes
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # kinds of tokens
_LONGEST = 3  # characters of a made-up token: a prompt then has about as many as of a real one


@dataclass(frozen=True)
class Shape:
    """Sizes of a model; the widths are multiples of 32."""

    width: int = 64
    hidden: int = 96
    layers: int = 2
    heads: int = 2
    tokens: int = 512
    context: int = 512


def write(path: Path, shape: Shape, texts: Sequence[str], seed: int = 0) -> Path:
    """Write the model; its vocabulary is of pieces that occur in the texts.

    Args:
        texts: some three characters of such a text become a token, as with a real vocabulary.
    """
    drawn = np.random.default_rng(seed)
    pieces = _vocabulary(shape.tokens, texts)
    tensors = tuple(_tensors(shape))
    with path.open("wb") as out:
        entries = _entries(shape, pieces)
        out.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries))
        out.write(_table(tensors))
        for _, size, norm in tensors:
            _align(out)
            _values(out, size, norm, drawn)
    return path


# --- Words ----------------------------------------------------------------------------------------
def _vocabulary(count: int, texts: Sequence[str]) -> list[tuple[str, float, int]]:
    """Token, score and kind: three of control, the bytes, then pieces, the frequent ones first."""
    found: dict[str, int] = {}
    for one in texts:
        whole = "\u2581" + one.replace(" ", "\u2581")
        for length in range(1, _LONGEST + 1):
            for at in range(len(whole) - length + 1):
                piece = whole[at : at + length]
                found[piece] = found.get(piece, 0) + 1
    frequent = sorted(found, key=lambda piece: (-found[piece] * len(piece), piece))
    made = [("<unk>", 0.0, _UNKNOWN), ("<s>", 0.0, _CONTROL), ("</s>", 0.0, _CONTROL)]
    made += [(f"<0x{byte:02X}>", 0.0, _BYTE) for byte in range(256)]
    made += [(piece, float(-at), _NORMAL) for at, piece in enumerate(frequent)]
    made += [(f"\u2581unused{at}", -1e6, _NORMAL) for at in range(count - len(made))]
    return made[:count]


def _entries(shape: Shape, pieces: list[tuple[str, float, int]]) -> list[bytes]:
    numbers = {
        "llama.context_length": shape.context,
        "llama.embedding_length": shape.width,
        "llama.block_count": shape.layers,
        "llama.feed_forward_length": shape.hidden,
        "llama.attention.head_count": shape.heads,
        "llama.attention.head_count_kv": shape.heads,
        "llama.rope.dimension_count": shape.width // shape.heads,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    words, scores, kinds = zip(*pieces, strict=True)
    return [
        entry("general.architecture", "llama"),
        *(entry(name, value) for name, value in numbers.items()),
        text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5),
        entry("tokenizer.ggml.model", "llama"),
        entry("tokenizer.ggml.add_bos_token", True),
        _array("tokenizer.ggml.tokens", 8, len(words), b"".join(map(text, words))),
        _array("tokenizer.ggml.scores", 6, len(words), struct.pack(f"<{len(words)}f", *scores)),
        _array("tokenizer.ggml.token_type", 5, len(words), struct.pack(f"<{len(words)}i", *kinds)),
    ]


def _array(name: str, kind: int, count: int, values: bytes) -> bytes:
    return text(name) + struct.pack("<IIQ", 9, kind, count) + values


# --- Weights --------------------------------------------------------------------------------------
Tensor = tuple[str, tuple[int, ...], bool]  # name, sizes (of a row first), whether it is a norm


def _tensors(shape: Shape) -> Iterator[Tensor]:
    yield "token_embd.weight", (shape.width, shape.tokens), False
    for layer in range(shape.layers):
        yield from (
            (f"blk.{layer}.{name}.weight", size, False)
            for name, size in {
                "attn_q": (shape.width, shape.width),
                "attn_k": (shape.width, shape.width),
                "attn_v": (shape.width, shape.width),
                "attn_output": (shape.width, shape.width),
                "ffn_gate": (shape.width, shape.hidden),
                "ffn_up": (shape.width, shape.hidden),
                "ffn_down": (shape.hidden, shape.width),
            }.items()
        )
        yield from ((f"blk.{layer}.{n}.weight", (shape.width,), True) for n in _NORMS)
    yield "output_norm.weight", (shape.width,), True
    yield "output.weight", (shape.width, shape.tokens), False


_NORMS = ("attn_norm", "ffn_norm")


def _table(tensors: Iterable[Tensor]) -> bytes:
    made, at = b"", 0
    for name, size, norm in tensors:
        at += -at % _ALIGNED
        kind = _F32 if norm else _Q8_0
        made += text(name) + struct.pack(f"<I{len(size)}QIQ", len(size), *size, kind, at)
        at += _bytes(size, norm)
    return made


def _bytes(size: tuple[int, ...], norm: bool) -> int:
    values = int(np.prod(size))
    return 4 * values if norm else values // _BLOCK * (_BLOCK + 2)


def _align(out: BinaryIO) -> None:
    out.write(b"\0" * (-out.tell() % _ALIGNED))


def _values(out: BinaryIO, size: tuple[int, ...], norm: bool, drawn: np.random.Generator) -> None:
    """Values of variance 1 / row, so that layers keep the scale of what goes through them."""
    if norm:
        out.write(np.ones(size, np.float32).tobytes())
        return
    block = np.dtype([("scale", "<f2"), ("values", "i1", _BLOCK)])
    blocks = np.zeros(int(np.prod(size)) // _BLOCK, block)
    blocks["scale"] = 1 / (73.0 * np.sqrt(size[0]))  # 73: deviation of whole numbers to 127
    blocks["values"] = drawn.integers(-127, 128, (len(blocks), _BLOCK), dtype=np.int8)
    out.write(blocks.tobytes())
