"""Vectors of texts by content: the same prompt asked again is not encoded again."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from pipelines.arrays import Float32s
from pipelines.contracts import canonical_json

MOST_ENTRIES = 20_000
_ENTRY_BYTES = 300  # of a key, an array's head and their places, beside the numbers


class VectorCache:
    """So many bytes and entries at most; who was not asked for longest goes first. For threads.

    No text is kept: a key is the hash of an encoder's spec and a text.

    Args:
        most_bytes: 0 = nothing is kept.
    """

    def __init__(self, most_bytes: int, most_entries: int = MOST_ENTRIES) -> None:
        self._most_bytes, self._most_entries = most_bytes, most_entries
        self._held: OrderedDict[bytes, Float32s] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: bytes) -> Float32s | None:
        """(D,) vector, read-only, or None."""
        with self._lock:
            found = self._held.get(key)
            if found is not None:
                self._held.move_to_end(key)
            return found

    def put(self, key: bytes, vector: Float32s) -> None:
        """Keep a copy of a (D,) vector, and let go of what is too much then."""
        kept = vector.copy()
        kept.setflags(write=False)
        with self._lock:
            if key in self._held:
                return
            self._held[key] = kept
            self.bytes += _size(kept)
            while self.bytes > self._most_bytes or len(self._held) > self._most_entries:
                _, gone = self._held.popitem(last=False)
                self.bytes -= _size(gone)


def spec_hash(spec: Mapping[str, Any]) -> bytes:
    """Of everything that decides an encoder's vectors; the beginning of its keys."""
    return hashlib.sha256(canonical_json(spec).encode()).digest()


def key_of(spec: bytes, text: str) -> bytes:
    """Where the vector of a text by an encoder (its spec_hash) is kept."""
    return hashlib.sha256(spec + text.encode("utf-8", "surrogatepass")).digest()


def _size(vector: Float32s) -> int:
    return int(vector.nbytes) + _ENTRY_BYTES
