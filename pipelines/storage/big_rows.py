"""Rows of numbers that need not fit memory: beyond a bound they lie in a file without a name.

Such a file is mapped, so that it is read like any array. What was read or written of it is let go
of again and again: it stays in the system's cache of files, and does not count as this process's
memory. The file goes with the last array that shows it. It lies in the folder of temporary files
(TMPDIR), which must be on a disk. Kept out of the package's own names, because it imports NumPy.
"""

from __future__ import annotations

import mmap
import tempfile
from weakref import WeakValueDictionary

import numpy as np

from pipelines.arrays import Float32s

IN_MEMORY_BYTES = 256 * 2**20  # of one array
_HELD_BYTES = 256 * 2**20  # of one file, before it is let go
# Reading a byte of a mapped file brings up to so much around it.
_AROUND_BYTES = 64 * 2**10


class _Mapped(mmap.mmap):
    """Attributes:
    touched: bytes that may be held since it was let go last.
    """

    touched = 0


_mapped: WeakValueDictionary[int, _Mapped] = WeakValueDictionary()  # by address


def empty_rows(count: int, width: int) -> Float32s:
    """(count, width) of any content, to be written to."""
    size = count * width * np.dtype(np.float32).itemsize
    if size <= IN_MEMORY_BYTES:
        return np.empty((count, width), dtype=np.float32)
    with tempfile.TemporaryFile(prefix="denguard-rows-") as file:
        file.truncate(size)
        mapped = _Mapped(file.fileno(), size)
    rows = np.frombuffer(mapped, dtype=np.float32).reshape(count, width)
    _mapped[rows.ctypes.data] = mapped
    return rows


def lies_in_file(address: int) -> bool:
    """Whether the array that begins at an address is one of `empty_rows` in a file."""
    return address in _mapped


def touched(address: int, rows: int, row_bytes: int, scattered: bool) -> None:
    """Say that rows of an array were read or written; nothing for one in memory.

    Args:
        address: where the array begins.
        scattered: they do not lie side by side.
    """
    mapped = _mapped.get(address)
    if mapped is None:
        return
    mapped.touched += rows * max(row_bytes, _AROUND_BYTES if scattered else 0)
    if mapped.touched > _HELD_BYTES:
        mapped.madvise(mmap.MADV_DONTNEED)
        mapped.touched = 0
