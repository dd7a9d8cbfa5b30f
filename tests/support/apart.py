"""Calls as in a process that has loaded what its children need, so that it forks them."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

from pipelines.run import apart

Result = TypeVar("Result")


def as_loaded(call: Callable[[], Result]) -> Result:
    """The call's result; the test's own process is as it was afterwards."""

    def run() -> Result:
        apart.loaded_here()
        return call()

    return copy_context().run(run)
