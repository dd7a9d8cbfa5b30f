"""File locks between processes of one machine, with a clear end."""

from __future__ import annotations

import logging
from pathlib import Path

from filelock import FileLock, Timeout

from pipelines.errors import EncoderError

log = logging.getLogger(__name__)

_SAY_EVERY_S = 30.0  # well below the silence that ends an encoder process (run.py)


def acquire(path: Path, purpose: str, limit_s: float) -> FileLock:
    """The lock, held; it goes with the process at the latest.

    Args:
        purpose: what is waited for, as in "another language model on this machine".
        limit_s: longest wait in seconds.

    Raises:
        EncoderError: the wait was too long.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    for _ in range(max(1, round(limit_s / _SAY_EVERY_S))):
        try:
            lock.acquire(timeout=min(limit_s, _SAY_EVERY_S))
        except Timeout:
            log.info("waiting for %s to finish", purpose)
        else:
            return lock
    raise EncoderError(
        f"{purpose} did not finish within {limit_s:.0f} s",
        where=str(path),
        fix="look for the process that holds this lock; end it or wait, then run again",
    )
