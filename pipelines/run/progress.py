"""Progress with ETA for long work: log lines for Airflow's task log and a terminal, and lines of
the event file for whoever asks from outside how far it is.

The clock here paces lines; no result depends on it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, tzinfo
from pathlib import Path
from threading import Lock

from pipelines.config import DeploymentPaths
from pipelines.run.events import note

log = logging.getLogger(__name__)


def spell(seconds: float) -> str:
    """A span of time as a person says it: "41 s", "12 min", "3.5 h"."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def clock_time(at: datetime, zone: tzinfo) -> str:
    """A moment by a place's clock, for people: "2026-11-23 06:00 America/Bogota"."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone}"


_EVENT_EVERY_S = 30.0  # a night of embedding is some thousand lines
_Step = tuple[DeploymentPaths, str, str]  # deployment, run, step: whose progress it is
_step: ContextVar[_Step | None] = ContextVar("step", default=None)
# How a process tells its child whose progress it counts; a child gets no context variables.
_HOME, _RUN, _PART = "DENGUARD_PROGRESS_HOME", "DENGUARD_PROGRESS_RUN", "DENGUARD_PROGRESS_STEP"


@contextmanager
def bound(paths: DeploymentPaths, run_id: str, step: str) -> Iterator[None]:
    """While this holds, progress is also a line of the event file: step, label, done, total,
    eta_s."""
    token = _step.set((paths, run_id, step))
    try:
        yield
    finally:
        _step.reset(token)


def handed_on() -> dict[str, str]:
    """Environment for a child process that counts this step's items; see `inherited`."""
    if (bound_to := _step.get()) is None:
        return {}
    where, run_id, step = bound_to
    return {_HOME: str(where.home), _RUN: run_id, _PART: step}


@contextmanager
def inherited() -> Iterator[None]:
    """In a child process: progress goes where that of the waiting process goes."""
    home, run_id, step = (os.environ.get(name) for name in (_HOME, _RUN, _PART))
    if not home or not run_id or not step:
        yield
        return
    with bound(DeploymentPaths(home=Path(home)), run_id, step):
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
        self._done, self._counting = 0, Lock()
        self._start = self._last = self._noted = time.monotonic()

    def advance(self, items: int = 1) -> None:
        """Count items as done, and say so if it is time to."""
        with self._counting:  # jobs of several threads may be counted
            self._advance(items)

    def _advance(self, items: int) -> None:
        ends = self._done == 0
        self._done += items
        ends, now = ends or self._done == self._total, time.monotonic()
        if ends or now - self._last >= self._every_s:
            self._last = now
            log.info(self.line(now - self._start))
        if ends or now - self._noted >= _EVENT_EVERY_S:
            self._noted = now
            self._note(now - self._start)

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

    def _note(self, elapsed_s: float) -> None:
        if (bound_to := _step.get()) is None:
            return
        where, run_id, step = bound_to
        facts = {"label": self._label, "done": self._done, "total": self._total}
        eta_s = round(self._eta_s(elapsed_s), 1)
        note(where, "step-progress", run_id, {"step": step, **facts, "eta_s": eta_s})
