"""The header of a GGUF file: the few facts that are needed before llama.cpp is loaded.

Belongs here: the header's layout. Does not belong here: tensors.
Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (version 3, little endian).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from pipelines.errors import EncoderError

_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}  # fmt: skip
_STRING, _ARRAY = 8, 9
_MAX_STRING_BYTES = 1 << 20
_BROKEN = "take the file from its package again"


def embedding_width(path: Path) -> int:
    """Width of a model's vectors. Raises EncoderError if the file is no readable GGUF."""
    try:
        with path.open("rb") as handle:
            return _embedding_length(handle)
    except (OSError, struct.error, UnicodeDecodeError, ValueError) as err:
        raise EncoderError(
            f"not a readable GGUF file: {err}", where=str(path), fix=_BROKEN
        ) from err


def _embedding_length(handle: BinaryIO) -> int:
    if handle.read(4) != b"GGUF":
        raise ValueError("it does not begin with GGUF")
    _version, _tensors, entries = struct.unpack("<IQQ", handle.read(20))
    for _ in range(entries):
        name = _string(handle)
        (kind,) = struct.unpack("<I", handle.read(4))
        value = _value(handle, kind)
        if name.endswith(".embedding_length") and isinstance(value, int):
            return value
    raise ValueError("its header has no embedding_length")


def _string(handle: BinaryIO) -> str:
    (size,) = struct.unpack("<Q", handle.read(8))
    if size > _MAX_STRING_BYTES:
        raise ValueError(f"a text of {size} bytes in its header")
    return handle.read(size).decode("utf-8")


def _value(handle: BinaryIO, kind: int) -> object:
    if kind == _STRING:
        return _string(handle)
    if kind == _ARRAY:
        inner, count = struct.unpack("<IQ", handle.read(12))
        for _ in range(count):
            _value(handle, inner)
        return None
    if kind not in _NUMBERS:
        raise ValueError(f"a value of unknown kind {kind} in its header")
    layout = "<" + _NUMBERS[kind]
    value: object = struct.unpack(layout, handle.read(struct.calcsize(layout)))[0]
    return value
