"""Locks of the encoders, and the error of a process that waits too long for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import EncoderError
from pipelines.storage.lock import locked


@contextmanager
def held(path: Path, purpose: str, limit_s: float) -> Iterator[None]:
    """Hold a lock while the block runs.

    Args:
        purpose: what is waited for, as in "another language model on this machine".
        limit_s: longest wait in seconds.

    Raises:
        EncoderError: the wait was too long.
    """
    busy = EncoderError(
        f"{purpose} did not finish within {limit_s:.0f} s",
        where=str(path),
        fix="look for the process that holds this lock; end it or wait, then run again",
    )
    with locked(path, limit_s, busy, waiting_for=purpose):
        yield
