"""The network side: limits on connections, on the size of the head, and timeouts of each part.

Start the endpoint with `uvicorn --http serving.door:Door --ws none`: uvicorn alone lets a
connection that says nothing stay for ever, reads heads of any length, and waits for ever for a
caller that does not read its answer.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from serving.settings import DoorLimits

_TOO_LARGE, _TOO_MANY = "431 Request Header Fields Too Large", "503 Service Unavailable"
_HEADER_PUNCTUATION = len(b": \r\n")


class TooLargeHead(Exception):
    """A head that is longer than allowed; the parser passes it on as an invalid request."""


@cache
def limits_of_environment() -> DoorLimits:
    """Limits of this process, read once."""
    return DoorLimits()


class Door(HttpToolsProtocol):
    """One connection. A timer runs while a head is awaited, another while it is answered.

    Attributes:
        limits: of every connection; None = the environment's.
    """

    limits: DoorLimits | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._allowed = self.limits or limits_of_environment()
        self._timer: asyncio.TimerHandle | None = None
        self._awaiting, self._head_bytes = True, 0  # of the head that comes

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it at once if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._allowed.max_connections and not self._made_room():
            self.connections.discard(self)
            self._refuse(
                _TOO_MANY,
                "too many connections: close those that are not used, or ask again in a moment",
            )
            return
        self._time(self._allowed.head_timeout_s, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers with the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that is not whole yet."""
        if self._awaiting:
            self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._awaiting and self._head_bytes > self._allowed.max_head_bytes:
            self._refuse(_TOO_LARGE, self._too_large())
        elif self._answered() and self._timer is None:  # the keep-alive timer is gone by now
            self._await_head()

    def on_message_begin(self) -> None:
        """A head begins, and is counted from its first byte; data_received gives it its time."""
        super().on_message_begin()
        self._parsed = 0

    def on_url(self, url: bytes) -> None:
        """Count a part of the head."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a part of the head."""
        super().on_header(name, value)
        self._count(len(name) + len(value) + _HEADER_PUNCTUATION)

    def on_headers_complete(self) -> None:
        """The head is whole: now the answer has its time, with the body and its reader."""
        self._awaiting, self._head_bytes = False, 0
        self._time(self._allowed.answer_timeout_s, self.transport.abort)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Answered: uvicorn's keep-alive timer runs until the next byte."""
        self._stop_timer()
        self._awaiting = True
        super().on_response_complete()
        if not self._answered():  # a pipelined request was waiting and is at work now
            self._time(self._allowed.answer_timeout_s, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Say that it was the head's length, where it was."""
        if self._parsed > self._allowed.max_head_bytes:
            self._refuse(_TOO_LARGE, self._too_large())
        else:
            super().send_400_response(msg)

    def _made_room(self) -> bool:
        """Close a connection that was answered and asks nothing; whether there was one."""
        for other in list(self.connections):
            if (
                isinstance(other, Door)
                and other.timeout_keep_alive_task
                and not other.transport.is_closing()
            ):
                self.connections.discard(other)
                other.transport.close()
                return True
        return False

    def _answered(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _await_head(self) -> None:
        self._awaiting = True
        self._time(self._allowed.head_timeout_s, self.transport.close)

    def _count(self, more: int) -> None:
        self._parsed += more
        if self._parsed > self._allowed.max_head_bytes:
            raise TooLargeHead

    def _too_large(self) -> str:
        return (
            f"the request line and headers are longer than {self._allowed.max_head_bytes} bytes: "
            "send what you ask in the body"
        )

    def _refuse(self, status: str, why: str) -> None:
        self._stop_timer()
        body = f"{why}\n".encode()
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: "
            f"{len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _time(self, seconds: float, then: Any) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
