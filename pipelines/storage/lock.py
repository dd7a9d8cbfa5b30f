"""A lock between the processes of one machine: a lock file with a timeout."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.errors import DenguardError

log = logging.getLogger(__name__)
_SAY_EVERY_S = 30.0  # well below the silence that ends an encoder process (embed/run.py)


@contextmanager
def locked(
    path: Path, timeout_s: float, busy: DenguardError, waiting_for: str = ""
) -> Iterator[None]:
    """Hold a lock while the block runs; the system frees it if the process dies.

    Args:
        path: file of the lock; it and its folder are made, and the file stays.
        timeout_s: longest wait in seconds.
        busy: raised if the wait was too long.
        waiting_for: named in the log while the wait lasts, as in "another download".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    _acquire(lock, timeout_s, busy, waiting_for or f"whoever holds {path}")
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, timeout_s: float, busy: DenguardError, waiting_for: str) -> None:
    for left in reversed(range(max(1, round(timeout_s / _SAY_EVERY_S)))):
        try:
            lock.acquire(timeout=min(timeout_s, _SAY_EVERY_S))
        except Timeout as err:
            if not left:
                raise busy from err
            log.info("waiting for %s to finish", waiting_for)
        else:
            return
