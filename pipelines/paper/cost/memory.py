"""Peak memory of this process while something runs.

Exact where the kernel allows; child processes have peaks of their own.
"""

from __future__ import annotations

import re
import threading
from pathlib import Path

import psutil

CLEAR_REFS = Path("/proc/self/clear_refs")
EXACT = "kernel high-water mark"
SAMPLED = "sampled every 20 ms"
SAMPLE_EVERY_S = 0.02
_STATUS = Path("/proc/self/status")
_RESET_PEAK = "5"  # proc(5): "reset the peak resident set size to the current value"
_PAGES_APART = 1 << 20  # the kernel's counters may differ by some pages
_running: list[PeakMemory] = []
_lock = threading.Lock()


class PeakMemory:
    """Peak resident bytes of this process between its making and `stop`.

    The kernel's mark is one for the process, and starting anew lowers it: every peak that runs is
    brought up to date first, so that they may lie within each other.

    Attributes:
        method: EXACT or SAMPLED; a sampled peak needs `note` every SAMPLE_EVERY_S.
        start_bytes: resident at its start.
    """

    def __init__(self, clear_refs: Path = CLEAR_REFS) -> None:
        self._process = psutil.Process()
        with _lock:
            for other in _running:
                other.note()
            self.method = EXACT if _restarted(clear_refs, self._process) else SAMPLED
            self.start_bytes = self._peak = self._process.memory_info().rss
            _running.append(self)

    def note(self) -> None:
        """Take the peak so far into account."""
        now = _high_water() if self.method == EXACT else self._process.memory_info().rss
        self._peak = max(self._peak, now or 0)

    def stop(self) -> int:
        """The peak in bytes; calling it again gives the same."""
        with _lock:
            if self in _running:
                self.note()
                _running.remove(self)
        return self._peak


def _high_water() -> int | None:
    """The process's high-water mark in bytes; None where the system keeps none."""
    try:
        found = re.search(r"VmHWM:\s+([0-9]+) kB", _STATUS.read_text())
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def _restarted(clear_refs: Path, process: psutil.Process) -> bool:
    """Lower the high-water mark to what is resident now; whether that was permitted and worked."""
    try:
        clear_refs.write_text(_RESET_PEAK)
    except OSError:
        return False
    mark = _high_water()
    return mark is not None and mark - process.memory_info().rss < _PAGES_APART
