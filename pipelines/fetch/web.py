"""Asking a data set's server: timeouts, redirects, credentials, and trying again with an end.

Credentials go to the server that they are for and to no other, however it redirects.
"""

from __future__ import annotations

import ipaddress
import logging
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache

import httpx

from pipelines.errors import FetchError
from pipelines.run.progress import spell

log = logging.getLogger(__name__)
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}
_HOPS = 5
LATER = "run the same command again later; it goes on where it stopped"


class Refused(FetchError):
    """The server wants other credentials, or an agreement that is not signed."""


class Unanswered(FetchError):
    """The server did not answer in time, however often it was asked."""


class Missing(FetchError):
    """The server has no such file."""


class Again(Exception):
    """An attempt failed in a way that another may not. `wait_s`: how long the server asks
    to wait."""

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds; pauses_s: between one failure and the next attempt."""

    connect_s: float = 10.0
    silence_s: float = 30.0
    pauses_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    longest_pause_s: float = 300.0
    grace_s: float = 60.0
    slowest_bytes_s: float = 5000.0  # a server slower than this is taken for one that hangs

    def limit_s(self, size: int) -> float:
        """Longest that sending `size` bytes may take."""
        return self.grace_s + size / self.slowest_bytes_s


@dataclass
class Tries:
    """Failures in a row for one URL: waits after each, and ends when there were too many."""

    url: str
    patience: Patience
    _failed: int = field(default=0, init=False)

    def got_on(self) -> None:
        """Something worth having arrived: the count starts again."""
        self._failed = 0

    def wait(self, problem: Again) -> None:
        """Raises Unanswered if it is time to give up."""
        pauses = self.patience.pauses_s
        if problem.wait_s > self.patience.longest_pause_s:
            raise Unanswered(
                f"the server asks to come back in {spell(problem.wait_s)}",
                where=self.url,
                fix=LATER,
            )
        if self._failed >= len(pauses):
            raise Unanswered(
                f"{problem}, {self._failed + 1} times in a row",
                where=self.url,
                fix=f"check the connection (a proxy goes into HTTPS_PROXY), then {LATER}",
            )
        pause_s = max(pauses[self._failed], problem.wait_s)
        self._failed += 1
        log.info("%s: %s; trying again in %s", self.url, problem, spell(pause_s))
        time.sleep(pause_s)


class Web:
    """A connection to one publisher's server.

    Args:
        base: URL that everything is asked below.
        secret: headers with credentials, sent to the server of `base` alone.
        denied: what a person has to do when the server refuses.
        patience: how long to wait.
    """

    def __init__(
        self, base: str, secret: Mapping[str, str], denied: str, patience: Patience
    ) -> None:
        self.patience = patience
        self._base, self._secret, self._denied = httpx.URL(base), dict(secret), denied
        limits = httpx.Timeout(patience.silence_s, connect=patience.connect_s)
        # Identity: sizes and ranges are those of the file, not of a compressed form of it.
        headers = {"Accept-Encoding": "identity", "User-Agent": "denguard-fetch"}
        self._client = httpx.Client(
            timeout=limits, headers=headers, verify=_trusted(), trust_env=not loopback(self._base)
        )

    def close(self) -> None:
        self._client.close()

    def read(self, url: str, limit: int) -> bytes:
        """A small file's bytes, with retries. Raises FetchError, also if it is over
        `limit` bytes."""
        tries = Tries(url, self.patience)
        while True:
            try:
                with self.get(url) as answer:
                    return self._bounded(answer, limit, url)
            except Again as err:
                tries.wait(err)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """One attempt: an answer of status 200, 206 or 416, its body not yet read.

        Raises:
            Again: no or half an answer, or a status that may pass.
            FetchError: any other status, or a redirect that is not followed.
        """
        try:
            answer = self._follow(url, dict(headers or {}))
            try:
                self._raise_for_status(answer, url)
                yield answer
            finally:
                answer.close()
        except httpx.RequestError as err:
            raise Again(
                f"the connection failed ({type(err).__name__}{f': {err}' if str(err) else ''})"
            ) from err

    def _follow(self, url: str, headers: dict[str, str]) -> httpx.Response:
        here = self._checked(httpx.URL(url), url)
        for _ in range(_HOPS):
            secret = self._secret if _origin(here) == _origin(self._base) else {}
            request = self._client.build_request("GET", here, headers={**headers, **secret})
            answer = self._client.send(request, stream=True)
            if answer.status_code not in _REDIRECTS:
                return answer
            answer.close()
            try:
                here = self._checked(here.join(answer.headers.get("Location", "")), url)
            except httpx.InvalidURL as err:
                raise FetchError(
                    "the server redirects to what is no address", where=url, fix=LATER
                ) from err
            if "/login" in here.path:
                raise Refused("the server asks to log in", where=url, fix=self._denied)
        raise FetchError(f"the server redirects more than {_HOPS} times", where=url, fix=LATER)

    def _checked(self, url: httpx.URL, asked: str) -> httpx.URL:
        """The URL, if it is https (or stays on this machine, for a server that is on it)."""
        if url.host and (
            url.scheme == "https"
            or (url.scheme == "http" and loopback(url) and loopback(self._base))
        ):
            return url.copy_with(userinfo=b"")  # httpx would send it as credentials
        raise FetchError(
            f"an address is not https: {str(url)[:200]}",
            where=asked,
            fix="use an https address; do not fetch over a line that others can change",
        )

    def _raise_for_status(self, answer: httpx.Response, url: str) -> None:
        status = answer.status_code
        if status in (200, 206, 416):
            return
        if status in _AGAIN:
            raise Again(f"the server answers {status}", _asked_to_wait_s(answer))
        if status in (401, 403):
            raise Refused(f"the server refuses ({status})", where=url, fix=self._denied)
        if status in (404, 410):
            raise Missing(
                f"the server has no such file ({status})",
                where=url,
                fix=(
                    "leave it out with --only, or ask the publisher; a mirror given with "
                    "--base-url may be incomplete"
                ),
            )
        raise FetchError(f"the server answers {status}", where=url, fix=LATER)

    def _bounded(self, answer: httpx.Response, limit: int, url: str) -> bytes:
        body, end = bytearray(), time.monotonic() + self.patience.limit_s(limit)
        if answer.status_code != 200:
            raise FetchError(
                f"the server answers {answer.status_code} to a plain request", where=url, fix=LATER
            )
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > limit:
                raise FetchError(
                    f"this should be a small file and is over {limit >> 20} MB",
                    where=url,
                    fix="check --base-url",
                )
            if time.monotonic() > end:
                raise Again("the server sends too slowly")
        return bytes(body)


@cache
def _trusted() -> ssl.SSLContext:
    """Certificates to trust (SSL_CERT_FILE names others); reading them takes a while, so once."""
    return httpx.create_ssl_context()


def loopback(url: httpx.URL) -> bool:
    """Whether a URL's host is this machine."""
    try:
        return url.host == "localhost" or ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return False


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _asked_to_wait_s(answer: httpx.Response) -> float:
    """Seconds that Retry-After asks for (a number or a date), 0 if it asks for nothing."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
