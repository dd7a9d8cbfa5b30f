"""Several jobs of this process at once, one on each core that it may use.

Threads and not processes: torch lets go of the interpreter while it computes, so that two jobs keep
two cores at nine tenths, and nothing is imported anew, copied, or left behind when the process is
killed. A job uses one thread of its own: more of them wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextvars import ContextVar, copy_context
from threading import Event
from typing import TypeVar

import psutil

from pipelines.errors import ConfigError

CORES = "DENGUARD_CORES"
_Result = TypeVar("_Result")
_stop: ContextVar[Event | None] = ContextVar("stop", default=None)


class Stopped(Exception):
    """Raised inside a job whose result nobody waits for any more."""


def cores() -> int:
    """How many jobs run at once: DENGUARD_CORES, else the cores that this process may run on.

    Raises:
        ConfigError: DENGUARD_CORES is no whole number above 0.
    """
    said = os.environ.get(CORES, "")
    if not said:
        affinity = getattr(psutil.Process(), "cpu_affinity", None)  # not on macOS
        return len(affinity()) if affinity else os.cpu_count() or 1
    if not said.isdecimal() or int(said) < 1:
        raise ConfigError(
            f"{said!r} is no number of cores",
            where=CORES,
            fix="use a whole number from 1 on, or leave it out for all that there are",
        )
    return int(said)


def each_on_a_core(jobs: Sequence[Callable[[], _Result]]) -> list[_Result]:
    """The results, in the order of the jobs. Jobs of a job run one after another.

    The first error, or Ctrl-C, ends it: what has not begun never does, and what runs ends at its
    next `go_on`.
    """
    at_once = 1 if _stop.get() is not None else min(len(jobs), cores())
    if at_once <= 1:
        return [job() for job in jobs]
    stop, known = Event(), copy_context()
    known.run(_stop.set, stop)  # a thread knows only the context variables that it is given
    with ThreadPoolExecutor(at_once) as pool:
        try:
            futures = [pool.submit(known.copy().run, job) for job in jobs]
            wait(futures, return_when=FIRST_EXCEPTION)
            return [future.result() for future in _failed_first(futures)]
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def go_on() -> None:
    """Raise Stopped if the job that this is called in is not to go on."""
    if (stop := _stop.get()) is not None and stop.is_set():
        raise Stopped


def _failed_first(futures: list[Future[_Result]]) -> list[Future[_Result]]:
    """The one that failed, if any did; else all."""
    failed = [f for f in futures if f.done() and f.exception() is not None]
    return failed[:1] or futures
