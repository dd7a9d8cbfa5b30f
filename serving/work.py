"""What takes long is computed in few threads, and few wait for them; others are told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from serving.limits import AGAIN, Budget
from serving.problems import Problem

_T = TypeVar("_T")


class Work:
    """Threads of one process that compute answers, and a queue before them that has an end.

    More threads would not answer sooner: they share one interpreter, and the loop that takes
    requests waits for each of them whenever it has read or written.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="answer")
        self._in_hand = Budget(at_once + waiting)

    @property
    def in_hand(self) -> int:
        """How many are computed or wait."""
        return self._in_hand.held

    async def run(self, compute: Callable[[], _T]) -> _T:
        """What it returns or raises. A caller that gives up leaves its place when the thread is
        done, or at once if it has not begun.

        Raises:
            Problem: 503 at once, if as many are in hand as may be.
        """
        if not self._in_hand.change(1):
            raise Problem(
                503,
                "busy",
                "as many requests as may wait are waiting",
                "ask again in a moment, or send fewer at once; one request may hold many rows",
                headers=AGAIN,
            )
        begun = self._threads.submit(copy_context().run, compute)
        begun.add_done_callback(lambda _: self._in_hand.change(-1))
        return await asyncio.wrap_future(begun)

    def close(self) -> None:
        """Let go of the threads; what waits is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
