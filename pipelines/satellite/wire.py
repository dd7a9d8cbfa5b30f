"""Bytes over the wire: each one counted, and none asked for beyond the cap.

Timeouts, retries, redirects and credentials are those of `pipelines/fetch/web.py`. GDAL could read
the files itself, but would neither count nor stop.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from typing import TypeVar

import httpx

from pipelines.errors import FetchError
from pipelines.fetch.web import LATER, Again, Missing, Tries, Web

T = TypeVar("T")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")
_MOST_TEXT_BYTES = 32 << 20  # a page of a hundred items has some 5 MB


class CapReached(Exception):
    """The next read would pass the cap; it was not made."""


class TimeUp(CapReached):
    """The call's time is over; the next read was not made."""


class Wire:
    """Reads of one call.

    Attributes:
        bytes_read: of all answers' bodies so far, those of broken answers included.

    Args:
        until: of time.monotonic(); nothing is read afterwards.
    """

    def __init__(self, web: Web, max_bytes: int, until: float = math.inf) -> None:
        self._web, self._max_bytes, self._until = web, max_bytes, until
        self.bytes_read = 0

    def text(self, url: str) -> str:
        """A page of the catalogue.

        Raises:
            CapReached: it says that it is longer than what is left.
            FetchError: no answer, a refusal, or more than a page can be.
        """

        def read(answer: httpx.Response) -> bytes:
            _require_status(answer, 200, url)
            length = answer.headers.get("Content-Length", "")
            self._claim(int(length) if length.isdecimal() else 0)
            return self._body(answer, _MOST_TEXT_BYTES, url)

        self._claim(0)
        try:
            return self._tried(url, {}, read).decode("utf-8", errors="replace")
        except Missing as err:
            raise FetchError(
                "the catalogue has no such page (404)",
                where=url,
                fix="correct satellite.url or satellite.collection",
            ) from err

    def piece(self, href: str, start: int, stop: int) -> tuple[bytes, int]:
        """Bytes start..stop of a file, fewer at its end, and the file's size.

        Raises:
            CapReached: so many bytes are not left, or no time.
            FetchError: no answer, a refusal, or another piece than was asked for.
        """

        def read(answer: httpx.Response) -> tuple[bytes, int]:
            _require_status(answer, 206, href)
            found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            first, last, size = map(int, found.groups()) if found else (-1, -1, 0)
            if first != start or last + 1 != min(stop, size):
                raise FetchError(
                    "the server sends another piece of the file than was asked for",
                    where=href,
                    fix="use a server that answers range requests",
                )
            body = self._body(answer, last + 1 - first, href)
            if len(body) != last + 1 - first:
                raise Again("the answer ends before its end")
            return body, size

        self._claim(stop - start)
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        return self._tried(href, headers, read, stop - start)

    def _tried(
        self, url: str, headers: dict[str, str], read: Callable[[httpx.Response], T], size: int = 0
    ) -> T:
        tries = Tries(url, self._web.patience)
        while True:
            try:
                with self._web.get(url, headers) as answer:
                    return read(answer)
            except Again as err:
                tries.wait(err)
                self._claim(size)

    def _claim(self, size: int) -> None:
        if self.bytes_read + size > self._max_bytes:
            raise CapReached
        if time.monotonic() > self._until:
            raise TimeUp

    def _body(self, answer: httpx.Response, limit: int, url: str) -> bytes:
        body, end = bytearray(), time.monotonic() + self._web.patience.limit_s(limit)
        for part in answer.iter_raw():
            self.bytes_read += len(part)
            body += part
            self._claim(0)
            if len(body) > limit:
                raise FetchError(f"the answer is over {limit:,} bytes", where=url, fix=LATER)
            if time.monotonic() > end:
                raise Again("the server sends too slowly")
        return bytes(body)


def _require_status(answer: httpx.Response, status: int, url: str) -> None:
    """Raise FetchError for another status, before anything of the body is read."""
    if answer.status_code != status:
        whole = "; it does not answer range requests" if status == 206 else ""
        raise FetchError(
            f"the server answers {answer.status_code}, not {status}{whole}",
            where=url,
            fix="use a catalogue whose files lie on a server that answers range requests"
            if whole
            else LATER,
        )
