"""The header of a GGUF file: what must be known before llama.cpp is loaded, and whether the file is
whole.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little endian).
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from pipelines.errors import EncoderError

_NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_VERSIONS = (2, 3)
_MAX_DIMENSIONS = 4
_DEFAULT_ALIGNMENT = 32  # bytes
_BROKEN = (
    "get the file again from where it was published; if its sha256 is then another one, correct "
    "the pin in the profile"
)

# Tensor types (ggml.h, enum ggml_type) -> values a block, bytes a block. Of a type that is not
# here only the tensor's begin is checked.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292),
    16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110),
    22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8),
    29: (256, 56), 30: (1, 2),
}  # fmt: skip


@dataclass(frozen=True)
class GgufHeader:
    """What a model's file says of it.

    Attributes:
        width: of its vectors.
        context_tokens: the longest text that it was trained with.
        adds_bos, adds_eos: whether a text gets a first and a last token of its own; None where the
            file leaves that to llama.cpp.
    """

    width: int
    context_tokens: int
    adds_bos: bool | None
    adds_eos: bool | None


def read_header(path: Path) -> GgufHeader:
    """The header of a whole file. Raises EncoderError if it is none, is cut, or is one part of
    many.
    """
    try:
        with (
            path.open("rb") as handle,
            mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            return _header(_Cursor(data))
    except (OSError, struct.error, UnicodeDecodeError, ValueError) as err:
        raise EncoderError(
            f"not a readable GGUF file: {err}", where=str(path), fix=_BROKEN
        ) from err


class _Cursor:
    """Reads on and on; what lies behind the end of the file is a ValueError."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at = data, 0

    def skip(self, size: int) -> int:
        """Skip bytes; return the offset at which they begin."""
        begin, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise ValueError(f"it ends after {len(self.data)} bytes, inside its header")
        return begin

    def take(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack_from("<" + layout, self.data, self.skip(struct.calcsize("<" + layout)))

    def text(self) -> str:
        (size,) = self.take("Q")
        begin = self.skip(size)
        return self.data[begin : self.at].decode("utf-8")

    def value(self) -> object:
        """The next value; an array is stepped over and is None."""
        (kind,) = self.take("I")
        if kind == _ARRAY:
            self._skip_array()
            return None
        return self.text() if kind == _STRING else self.take(_number(kind))[0]

    def _skip_array(self) -> None:
        kind, count = self.take("IQ")
        if kind == _STRING:
            for _ in range(count):  # 262,144 of them in some vocabularies
                (size,) = self.take("Q")
                self.skip(size)
        else:
            self.skip(count * struct.calcsize("<" + _number(kind)))


def _number(kind: int) -> str:
    if kind not in _NUMBERS:
        raise ValueError(f"a value of unknown kind {kind} in its header")
    return _NUMBERS[kind]


def _header(cursor: _Cursor) -> GgufHeader:
    if cursor.data[:4] != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    cursor.skip(4)
    version, tensors, entries = cursor.take("IQQ")
    if version not in _VERSIONS:
        raise ValueError(f"its version is {version}, not one of {_VERSIONS}")
    facts: dict[str, object] = {}
    for _ in range(entries):
        name = cursor.text()
        facts[name] = cursor.value()
    if _whole(facts, "split.count", 1) > 1:
        raise ValueError(
            "it is one part of several, which one sha256 cannot pin: join them with llama.cpp's "
            "llama-gguf-split --merge"
        )
    _check_tensors(cursor, tensors, _whole(facts, "general.alignment", _DEFAULT_ALIGNMENT))
    architecture = facts.get("general.architecture")
    sentencepiece = facts.get("tokenizer.ggml.model") == "llama"  # llama.cpp's defaults for it
    return GgufHeader(
        width=_whole(facts, f"{architecture}.embedding_length"),
        context_tokens=_whole(facts, f"{architecture}.context_length"),
        adds_bos=_flag(facts, "tokenizer.ggml.add_bos_token", True if sentencepiece else None),
        adds_eos=_flag(facts, "tokenizer.ggml.add_eos_token", False if sentencepiece else None),
    )


def _whole(facts: dict[str, object], name: str, absent: int | None = None) -> int:
    value = facts.get(name, absent)
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"its header has no usable {name}")
    return value


def _flag(facts: dict[str, object], name: str, absent: bool | None) -> bool | None:
    value = facts.get(name)
    return value if isinstance(value, bool) else absent


def _check_tensors(cursor: _Cursor, count: int, alignment: int) -> None:
    """Raise ValueError unless every tensor of the table that comes next lies within the file."""
    ends = [_tensor_end(cursor) for _ in range(count)]
    if not ends:
        return
    begin = -(-cursor.at // alignment) * alignment
    needed, name = max(ends)
    if begin + needed > len(cursor.data):
        raise ValueError(
            f"it ends after {len(cursor.data)} bytes, and its tensor {name} at {begin + needed}: "
            "the file is cut"
        )


def _tensor_end(cursor: _Cursor) -> tuple[int, str]:
    """Where the next tensor of the table ends, in bytes from the first tensor's begin; its name."""
    name = cursor.text()
    (dimensions,) = cursor.take("I")
    if dimensions > _MAX_DIMENSIONS:
        raise ValueError(f"its tensor {name} has {dimensions} dimensions")
    shape = cursor.take(f"{dimensions}Q")
    kind, offset = cursor.take("IQ")
    values, size = BLOCKS.get(kind, (0, 1))
    return offset + (prod(shape) // values * size if values else size), name
