"""A remote file as one that can be read from anywhere, as rasterio wants it.

What was read stays while the file is open: GDAL reads a header dozens of times, a few bytes each.
"""

from __future__ import annotations

import io

from pipelines.errors import FetchError
from pipelines.satellite.wire import CapReached, Wire

BLOCK_BYTES = 1 << 14  # a header of a Sentinel-2 file is one block or two, a tile some twenty


class RangeFile(io.RawIOBase):
    """Reads blocks by range requests, each once.

    An error cannot pass through GDAL, which would go on with Python's error set: the read is then
    short, and `failure` says why.
    """

    def __init__(self, wire: Wire, href: str) -> None:
        super().__init__()
        self._wire, self._href = wire, href
        self._blocks: dict[int, bytes] = {}
        self._size: int | None = None
        self._at = 0
        self.failure: FetchError | CapReached | None = None

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes; fewer at the end of the file and after a failure."""
        try:
            end = self._length() if size is None or size < 0 else self._at + size
            out = self._bytes(self._at, min(end, self._length()))
        except (FetchError, CapReached) as err:
            self.failure = self.failure or err
            return b""
        self._at += len(out)
        return out

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; from the end only once the size is known."""
        if whence == io.SEEK_END:
            try:
                offset += self._length()
            except (FetchError, CapReached) as err:
                self.failure = self.failure or err
        self._at = offset + (self._at if whence == io.SEEK_CUR else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Rewind alone: rasterio tries an opener by opening and closing what it gives."""
        self._at = 0

    def _length(self) -> int:
        if self._size is None:
            self._fetch(0, 1)
        return self._size or 0

    def _bytes(self, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        first, last = start // BLOCK_BYTES, (end - 1) // BLOCK_BYTES
        missing = [n for n in range(first, last + 1) if n not in self._blocks]
        if missing:
            self._fetch(missing[0], missing[-1] + 1)
        whole = b"".join(self._blocks[n] for n in range(first, last + 1))
        return whole[start - first * BLOCK_BYTES : end - first * BLOCK_BYTES]

    def _fetch(self, first: int, stop: int) -> None:
        """Bring blocks first..stop with one request."""
        if self.failure is not None:
            raise self.failure
        at, end = first * BLOCK_BYTES, stop * BLOCK_BYTES
        end = end if self._size is None else min(end, self._size)
        body, size = self._wire.piece(self._href, at, end)
        if self._size not in (None, size):
            raise FetchError(
                "the file has changed while it was read", where=self._href, fix="run it again"
            )
        self._size = size
        for n in range(first, stop):
            self._blocks[n] = body[(n - first) * BLOCK_BYTES :][:BLOCK_BYTES]
