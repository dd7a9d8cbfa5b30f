"""Progress with ETA for long work: log lines for Airflow's task log and a terminal, and a small
file beside the run for whoever asks from outside how far it is.

The clock here paces lines and stamps that file; no result depends on it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.storage import write_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Place:
    """Where progress of the step that runs now is written."""

    path: Path
    step: str


_place: ContextVar[_Place | None] = ContextVar("progress_place", default=None)


@contextmanager
def bound(path: Path, step: str) -> Iterator[None]:
    """While this holds, progress is also written to `path`: step, label, done, total, eta_s, at."""
    token = _place.set(_Place(path, step))
    try:
        yield
    finally:
        _place.reset(token)


class Progress:
    """Counts items done and tells share and ETA at most every few seconds.

    Args:
        label: what is counted, such as "scenes embedded".
        total: number of items.
        every_s: least time between two log lines, in seconds.
    """

    def __init__(self, label: str, total: int, every_s: float = 5.0) -> None:
        self._label, self._total, self._every_s = label, total, every_s
        self._done = 0
        self._start = self._last = time.monotonic()

    def advance(self, items: int = 1) -> None:
        """Count items as done, and say so if it is time to."""
        self._done += items
        now = time.monotonic()
        if now - self._last >= self._every_s or self._done == self._total:
            self._last = now
            log.info(self.line(now - self._start))
            self._write(now - self._start)

    def line(self, elapsed_s: float) -> str:
        """One line: done, total, share, ETA in seconds."""
        share = self._done / self._total if self._total else 1.0
        return f"{self._label}: {self._done}/{self._total} ({share:.0%}), ETA {self._eta_s(elapsed_s):.0f} s"

    def _eta_s(self, elapsed_s: float) -> float:
        return elapsed_s / self._done * (self._total - self._done) if self._done else 0.0

    def _write(self, elapsed_s: float) -> None:
        place = _place.get()
        if place is None:
            return
        at = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(place.path, {"step": place.step, "label": self._label, "done": self._done, "total": self._total, "eta_s": round(self._eta_s(elapsed_s), 1), "at": at})  # fmt: skip
