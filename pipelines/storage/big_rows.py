"""Rows of numbers that need not fit memory: beyond a bound they lie in a file without a name.

Such a file is mapped, so that it is read and written like any array. What was touched in order is
let go of again and again: it stays in the system's cache of files, and does not count as this
process's memory. Scattered rows are read and written by themselves, because a mapping brings up to
two megabytes for each. The file goes with the last array that shows it. It lies in the folder of
temporary files (TMPDIR), which must be on a disk. Kept out of the package's own names, because it
imports NumPy.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from io import FileIO
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np

from pipelines.arrays import Float32s, Int64s
from pipelines.storage.room import require_room

IN_MEMORY_BYTES = 256 * 2**20  # of one array
_HELD_BYTES = 256 * 2**20  # of one file, before it is let go


class _Mapped(mmap.mmap):
    """Attributes:
    file: the same bytes, for what is scattered.
    touched: bytes that are held since it was let go last.
    """

    file: FileIO
    touched = 0


_mapped: WeakValueDictionary[int, _Mapped] = WeakValueDictionary()  # by address


def empty_rows(count: int, width: int) -> Float32s:
    """(count, width) of any content, to be written to. Raises StoreError if there is no room."""
    size = count * width * np.dtype(np.float32).itemsize
    if size <= IN_MEMORY_BYTES:
        return np.empty((count, width), dtype=np.float32)
    # Open for as long as it is mapped.
    # Written through a mapping, a full disk would end the process without a word.
    require_room(Path(tempfile.gettempdir()), size)
    file = tempfile.TemporaryFile(prefix="denguard-rows-", buffering=0)  # noqa: SIM115
    file.truncate(size)
    mapped = _Mapped(file.fileno(), size)
    mapped.file = file
    rows = np.frombuffer(mapped, dtype=np.float32).reshape(count, width)
    _mapped[rows.ctypes.data] = mapped
    return rows


def lies_in_file(address: int) -> bool:
    """Whether the array that begins at an address is one of `empty_rows` in a file."""
    return address in _mapped


def touched(address: int, size: int) -> None:
    """Say that so many bytes in a row were read or written; nothing for an array in memory.

    Args:
        address: where the array begins.
    """
    mapped = _mapped.get(address)
    if mapped is None:
        return
    mapped.touched += size
    if mapped.touched > _HELD_BYTES:
        mapped.madvise(mmap.MADV_DONTNEED)
        mapped.touched = 0


def read_scattered(address: int, at: Int64s, width: int) -> Float32s:
    """(n, width) rows of an array in a file, in any order."""
    file, row_bytes = _mapped[address].file.fileno(), width * np.dtype(np.float32).itemsize
    out = np.empty((len(at), width), dtype=np.float32)
    for into, row in zip(out, at.tolist(), strict=True):
        os.preadv(file, [into.data], row * row_bytes)
    return out


def write_scattered(rows: Float32s, at: Int64s, values: Float32s) -> None:
    """rows[at] = values, for an array of `empty_rows` wherever it lies."""
    mapped = _mapped.get(rows.ctypes.data)
    if mapped is None:
        rows[at] = values
        return
    file, row_bytes = mapped.file.fileno(), rows.shape[1] * rows.itemsize
    for row, value in zip(at.tolist(), np.ascontiguousarray(values), strict=True):
        os.pwrite(file, value.data, row * row_bytes)
