"""Work that another process does: forked from this one where that is sound, else a new Python.

A new Python imports its libraries anew, which takes longer than most of the work. A process that
preloads (steps/preload.py) has them, and a child that is forked from it shares them.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TextIO

_END_TIMEOUT_S = 30.0
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux' prctl
# A thread that is started later has it not: only the process's own may fork.
_loaded: ContextVar[bool] = ContextVar("loaded", default=False)

# Streams of the process that was forked, as Airflow's tasks have: let go of, they would close the
# files 1 and 2 that the child has anew.
_replaced: list[TextIO] = []


@dataclass(frozen=True)
class Work:
    """What the other process does, in two forms of the same.

    Attributes:
        main: called in a forked process; its result is the exit code.
        command: starts a new process.
        environment: whole, for either.
        folder: that the process works in; None for this one's.
    """

    main: Callable[[], int]
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path | None = None


class Apart(Protocol):
    """The other process."""

    def wait(self, timeout: float) -> int:
        """Its exit code, a signal's number below 0; raises subprocess.TimeoutExpired."""

    def poll(self) -> int | None:
        """The same, None while it runs."""

    def kill(self) -> None:
        """End it at once."""


def loaded_here() -> None:
    """Say that this process has loaded the libraries, before it starts threads: what is forked from
    it may fork. Beside another thread nothing is, whose locks a child would find closed for good.
    """
    _loaded.set(True)


def threads() -> set[threading.Thread]:
    """Those of this process that run Python."""
    return set(threading.enumerate())


@contextmanager
def running(work: Work, out: int, errors: int) -> Iterator[Apart]:
    """The other process; it is ended if it still runs when the block is left.

    Args:
        out: file descriptor that it writes its results to.
        errors: the same for its log lines.
    """
    process = _started(work, out, errors)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(timeout=_END_TIMEOUT_S)


def _started(work: Work, out: int, errors: int) -> Apart:
    if _loaded.get() and len(threads()) == 1:
        return _Forked(work, out, errors)
    return subprocess.Popen(
        work.command,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=errors,
        env=dict(work.environment),
        cwd=work.folder,
    )


class _Forked:
    def __init__(self, work: Work, out: int, errors: int) -> None:
        self._work = work
        # Python's own class: it empties buffers before the fork and skips exit handlers after it.
        self._process = get_context("fork").Process(
            target=_become, args=(work, out, errors, os.getpid())
        )
        self._process.start()

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired(self._work.command, timeout)
        return code

    def poll(self) -> int | None:
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()


def end_with(parent: int) -> None:
    """Let this process be killed when the one that started it ends, however that ends.

    A child holds all that its parent had open, locks among it: left behind by a task that was
    killed, it would keep them from the next try. Elsewhere than on Linux nothing is done.

    Args:
        parent: its process id; where it has ended already, this process ends now.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _become(work: Work, out: int, errors: int, parent: int) -> None:
    """In the child: take on what a new process would have, then work."""
    end_with(parent)
    _replaced.extend((sys.stdout, sys.stderr))
    for place, taken in enumerate((os.open(os.devnull, os.O_RDONLY), out, errors)):
        os.dup2(taken, place)
    sys.stdout, sys.stderr = (os.fdopen(place, "w", encoding="utf-8") for place in (1, 2))
    logging.getLogger().handlers = []  # the parent's: what they are connected to is the parent's
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(work.environment)
    if work.folder:
        os.chdir(work.folder)
    sys.exit(work.main())
