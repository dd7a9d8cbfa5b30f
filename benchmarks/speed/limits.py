"""What the chip and the disk allow at best, measured in the run that the rows come from."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.child import MEASURED
from benchmarks.speed.row import Row

_SIDE = 2048  # of square matrices; at 4096 the rates are the same
_COPIED_BYTES = 512 * 2**20  # far beyond any cache
_WRITTEN_BYTES = 512 * 2**20
_TRIES = 3


def rows() -> list[Row]:
    """Each limit as a row of its own."""
    return [
        *(
            Row(gemm(dtype, threads), "GFLOP/s", _gemm_gflops(getattr(torch, dtype), threads))
            for dtype in ("float32", "bfloat16")
            for threads in _threads()
        ),
        *(Row(memory(threads), "GB/s", _copied_gb_s(threads)) for threads in _threads()),
        *_disk(),
    ]


def gemm(dtype: str, threads: int) -> str:
    """Name of the row of a product of matrices; dtype is float32 or bfloat16."""
    return f"limit: product of matrices, {dtype}, {_on(threads)}"


def memory(threads: int) -> str:
    """Name of the row of memory, read and written together."""
    return f"limit: memory copied (read and written), {_on(threads)}"


DISK_WRITE = "limit: disk, written and synced"
DISK_READ = "limit: disk, read past the cache"


@cache
def measured() -> Mapping[str, float]:
    """Name of a limit -> its rate, GFLOP/s or GB/s: of this run of the bench, or measured now."""
    kept = os.environ.get(MEASURED)
    if kept is None:
        return {row.work: row.ours for row in rows()}
    return {row["work"]: row["ours"] for row in json.loads(Path(kept).read_text())}


def _threads() -> tuple[int, ...]:
    return tuple(sorted({1, os.cpu_count() or 1}))


def _on(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def _best_seconds(work: Callable[[], object]) -> float:
    def once() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    once()
    return min(once() for _ in range(_TRIES))


def _with_threads(threads: int, work: Callable[[], object]) -> float:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return _best_seconds(work)
    finally:
        torch.set_num_threads(before)


def _gemm_gflops(dtype: torch.dtype, threads: int) -> float:
    left, right = (torch.rand(_SIDE, _SIDE).to(dtype) for _ in range(2))
    return 2 * _SIDE**3 / _with_threads(threads, lambda: left @ right) / 1e9


def _copied_gb_s(threads: int) -> float:
    source = torch.ones(_COPIED_BYTES // 4)
    into = torch.empty_like(source)
    return 2 * _COPIED_BYTES / _with_threads(threads, lambda: into.copy_(source)) / 1e9


def _disk() -> list[Row]:
    block = np.random.default_rng(0).bytes(2**20)
    with tempfile.NamedTemporaryFile() as file:
        written = _best_seconds(lambda: _write(file.fileno(), block))
        read = _best_seconds(lambda: _read(file.fileno()))
    into_gb_s = _WRITTEN_BYTES / 1e9
    return [
        Row(DISK_WRITE, "GB/s", into_gb_s / written),
        Row(DISK_READ, "GB/s", into_gb_s / read, note="of the host's cache, where it has one"),
    ]


def _write(descriptor: int, block: bytes) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    for _ in range(_WRITTEN_BYTES // len(block)):
        os.write(descriptor, block)
    os.fsync(descriptor)


def _read(descriptor: int) -> None:
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.lseek(descriptor, 0, os.SEEK_SET)
    while os.read(descriptor, 2**20):
        pass
