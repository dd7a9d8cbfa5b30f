"""Calls as in a process that has loaded what its children need, so that it forks them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar
from unittest.mock import patch

from pipelines.run import apart

Result = TypeVar("Result")


def as_loaded(call: Callable[[], Result]) -> Result:
    """The call's result; the test's own process is as it was afterwards.

    Threads that tests before this one left idle are not counted.
    """
    before = apart.threads() - {threading.current_thread()}

    def run() -> Result:
        apart.loaded_here()
        with patch.object(apart, "threads", lambda: set(threading.enumerate()) - before):
            return call()

    return copy_context().run(run)
