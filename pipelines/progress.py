"""Progress with ETA for long work, as log lines that Airflow's task log and a terminal both show."""

from __future__ import annotations

import logging
import time

log = logging.getLogger(__name__)


class Progress:
    """Counts items done and logs share and ETA at most every few seconds.

    The clock here only paces log lines; no result depends on it.

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

    def line(self, elapsed_s: float) -> str:
        """One line: done, total, share, ETA in seconds."""
        share = self._done / self._total if self._total else 1.0
        eta_s = elapsed_s / self._done * (self._total - self._done) if self._done else 0.0
        return f"{self._label}: {self._done}/{self._total} ({share:.0%}), ETA {eta_s:.0f} s"
