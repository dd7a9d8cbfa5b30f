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
    requests waits for each of them whenever it has read or written. The queue counts rows, since
    thirty callers of one row are served in the time of one who brings thirty.

    Args:
        at_once: threads.
        rows: that may be computed or wait.
    """

    def __init__(self, at_once: int, rows: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="answer")
        self._most = max(1, rows // 2)  # of one request: a large one is let in beside another
        self._in_hand = Budget(rows)

    @property
    def in_hand(self) -> int:
        """Rows that are computed or wait."""
        return self._in_hand.held

    async def run(self, compute: Callable[[], _T], rows: int = 1) -> _T:
        """What it returns or raises. A caller that gives up leaves its place when the thread is
        done, or at once if it has not begun.

        Args:
            rows: how many it computes, or as long as it takes for how many.

        Raises:
            Problem: 503 at once, if as many are in hand as may be.
        """
        counted = min(rows, self._most)
        if not self._in_hand.change(counted):
            raise Problem(
                503,
                "busy",
                "as many rows as may wait are waiting",
                "ask again in a moment, or send fewer at once",
                headers=AGAIN,
            )
        begun = self._threads.submit(copy_context().run, compute)
        begun.add_done_callback(lambda _: self._in_hand.change(-counted))
        return await asyncio.wrap_future(begun)

    def close(self) -> None:
        """Let go of the threads; what waits is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)
