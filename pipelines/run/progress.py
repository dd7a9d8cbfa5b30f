"""Progress with ETA for long work: log lines for Airflow's task log and a terminal, and a small
file beside the run for whoever asks from outside how far it is.

The clock here paces lines and stamps that file; no result depends on it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from pipelines.storage import write_json

log = logging.getLogger(__name__)


def spell(seconds: float) -> str:
    """A span of time as a person says it: "41 s", "12 min", "3.5 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def clock_time(at: datetime, zone: tzinfo) -> str:
    """A moment by a place's clock, for people: "2026-11-23 06:00 America/Bogota"."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone}"


@dataclass(frozen=True)
class _Place:
    """Where progress of the step that runs now is written."""

    path: Path
    step: str


_place: ContextVar[_Place | None] = ContextVar("progress_place", default=None)
# How a process tells its child where progress goes; a child gets no context variables.
_FILE, _STEP = "DENGUARD_PROGRESS_FILE", "DENGUARD_PROGRESS_STEP"


@contextmanager
def bound(path: Path, step: str) -> Iterator[None]:
    """While this holds, progress is also written to `path`: step, label, done, total, eta_s, at."""
    token = _place.set(_Place(path, step))
    try:
        yield
    finally:
        _place.reset(token)


def handed_on() -> dict[str, str]:
    """Environment for a child process that counts this step's items; see `inherited`."""
    place = _place.get()
    return {} if place is None else {_FILE: str(place.path), _STEP: place.step}


@contextmanager
def inherited() -> Iterator[None]:
    """In a child process: progress goes where that of the waiting process goes."""
    path, step = os.environ.get(_FILE), os.environ.get(_STEP)
    if not path or not step:
        yield
        return
    with bound(Path(path), step):
        yield


class Progress:
    """Counts items done and tells items left and ETA: at the first, then every few seconds.

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
        first = self._done == 0
        self._done += items
        now = time.monotonic()
        if first or now - self._last >= self._every_s or self._done == self._total:
            self._last = now
            log.info(self.line(now - self._start))
            self._write(now - self._start)

    def line(self, elapsed_s: float) -> str:
        """One line: done, total, share, items left, ETA."""
        share = self._done / self._total if self._total else 1.0
        left = self._total - self._done
        return (
            f"{self._label}: {self._done}/{self._total} ({share:.0%}), {left} left, ETA "
            f"{spell(self._eta_s(elapsed_s))}"
        )

    def _eta_s(self, elapsed_s: float) -> float:
        return elapsed_s / self._done * (self._total - self._done) if self._done else 0.0

    def _write(self, elapsed_s: float) -> None:
        place = _place.get()
        if place is None:
            return
        at = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(
            place.path,
            {
                "step": place.step,
                "label": self._label,
                "done": self._done,
                "total": self._total,
                "eta_s": round(self._eta_s(elapsed_s), 1),
                "at": at,
            },
        )
