"""GGUF files of a few bytes, written by the format's text and not by the code under test."""

from __future__ import annotations

import struct

# name, ggml type, values: 64 float32 are 256 bytes, 64 values of Q8_0 are two blocks of 34 bytes.
TENSORS = (("output_norm.weight", 0, 64), ("token_embd.weight", 8, 64))
_BYTES = {0: 256, 8: 68}


def text(value: str) -> bytes:
    """A string of GGUF: its length in bytes, then the bytes."""
    return struct.pack("<Q", len(value.encode())) + value.encode()


def entry(name: str, value: str | int | bool) -> bytes:
    """One line of the header: a string (kind 8), a bool (7) or a uint32 (4)."""
    if isinstance(value, str):
        return text(name) + struct.pack("<I", 8) + text(value)
    kind, layout = (7, "?") if isinstance(value, bool) else (4, "I")
    return text(name) + struct.pack("<I" + layout, kind, value)


def gguf(
    width: int = 4,
    context: int = 64,
    more: dict[str, str | int | bool] | None = None,
    tensors: tuple[tuple[str, int, int], ...] = TENSORS,
) -> bytes:
    """A file with every kind of header entry and two tensors, 32 bytes aligned, not a byte too
    long.
    """
    facts = {"tiny.context_length": context, "tiny.embedding_length": width, **(more or {})}
    entries = (
        entry("general.architecture", "tiny"),
        text("general.tags") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b"),
        text("tokenizer.ggml.scores") + struct.pack("<IIQ3f", 9, 6, 3, 0.0, 1.0, 2.0),
        text("tiny.rope.freq_base") + struct.pack("<If", 6, 1e4),
        *(entry(name, value) for name, value in facts.items()),
    )
    table, data = b"", b""
    for name, kind, values in tensors:
        data += b"\0" * (-len(data) % 32)
        table += text(name) + struct.pack("<IQIQ", 1, values, kind, len(data))
        data += b"\1" * _BYTES.get(kind, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries) + table
    return head + b"\0" * (-len(head) % 32) + data if tensors else head
