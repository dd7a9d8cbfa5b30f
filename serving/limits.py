"""Limits on memory: body bytes and pixels, of one request and of all at once, and for how long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from serving.problems import Problem

# The rest of the body is never read, so the connection cannot be used again.
_CLOSE = {"Connection": "close"}
AGAIN = {"Retry-After": "2"}


class Budget:
    """So much may be held at once, by all requests together. For threads and for coroutines."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held, self._lock = 0, threading.Lock()

    @property
    def held(self) -> int:
        """What is held now."""
        return self._held

    @contextmanager
    def share(self) -> Iterator[Share]:
        """What one request holds; all of it is given back at the end, however it ends."""
        share = Share(self)
        try:
            yield share
        finally:
            self.change(-share.held)

    def change(self, by: int) -> bool:
        """Hold more or less; False, and nothing changed, if that would be too much."""
        with self._lock:
            if by > 0 and self._held + by > self._most:
                return False
            self._held += by
            return True


class Share:
    """One request's part of a budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self.held = budget, 0

    def may_take(self, more: int) -> bool:
        """Hold more, if not too much is held by all."""
        taken = self._budget.change(more)
        self.held += more if taken else 0
        return taken


async def read_body(request: Request, max_bytes: int, timeout_s: float, share: Share) -> bytes:
    """The whole body, refused as soon as it is known to be too large (413) or too slow (408).

    A declared Content-Length counts at once; without one the bytes are counted as they come.

    Args:
        share: of the bytes that all requests may hold; 503 beyond.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    parts, total = [], 0
    try:
        async with asyncio.timeout(timeout_s):
            async for part in request.stream():
                if not part:
                    continue  # the stream's end; a body that came in one piece is not copied
                total += len(part)
                if total > max_bytes:
                    raise _too_large(max_bytes)
                if not share.may_take(len(part)):
                    raise Problem(
                        503,
                        "too-much-at-once",
                        "too many bodies of other requests are under way",
                        "ask again in a moment, or send fewer at once",
                        headers={**AGAIN, **_CLOSE},
                    )
                parts.append(part)
    except TimeoutError:
        raise Problem(
            408,
            "slow-body",
            f"the body did not arrive within {timeout_s:g} s",
            "send a smaller body or use a better connection",
            headers=_CLOSE,
        ) from None
    except ClientDisconnect:
        raise Problem(
            400,
            "cut-body",
            "the connection ended before the body did",
            "send it again",
            headers=_CLOSE,
        ) from None
    return b"".join(parts)


def _too_large(max_bytes: int) -> Problem:
    return Problem(
        413,
        "body-too-large",
        f"the body is larger than {max_bytes / 1e6:g} MB",
        "send fewer rows a call, or a smaller scene; the limit is DENGUARD_MAX_BODY_BYTES",
        headers=_CLOSE,
    )
