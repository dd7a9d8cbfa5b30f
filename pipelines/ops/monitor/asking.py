"""One question over HTTP within a given time, with the standard library: the watch stays small."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http.client import HTTPException
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from pipelines.errors import ServiceError

TIMEOUT_S = 10.0
_MOST_BYTES = 8_000_000


class RefusedError(ServiceError):
    """A service answered and did not do it.

    Attributes:
        status: of its answer.
    """

    status = 0


class _NoRedirect(HTTPRedirectHandler):
    """A redirect would carry the token elsewhere."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = build_opener(ProxyHandler({}), _NoRedirect())


def ask(url: str, token: str = "", send: Mapping[str, str] | None = None) -> object:
    """The JSON that a service of this deployment answers to a GET, or to a POST of `send`.

    Raises:
        RefusedError: it answered with another status than 2xx.
        ServiceError: it did not answer within TIMEOUT_S, or not with JSON.
    """
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = json.dumps(send).encode() if send is not None else None
    asked = Request(url, data=body, headers=headers)  # noqa: S310 settings allow http and https
    try:
        with _OPENER.open(asked, timeout=TIMEOUT_S) as answer:
            return json.loads(_read(answer))
    except HTTPError as err:
        refused = RefusedError(f"HTTP {err.code} instead of an answer", where=_place(url))
        refused.status = err.code
        raise refused from None
    except (OSError, HTTPException, ValueError) as err:
        raise ServiceError(f"no answer ({type(err).__name__})", where=_place(url)) from None


def _read(answer: IO[bytes]) -> bytes:
    """All of it; who drips bytes outlives any time limit of a socket. Raises TimeoutError,
    ValueError."""
    until, parts, size = time.monotonic() + TIMEOUT_S, list[bytes](), 0
    while part := answer.read1(65536):  # type: ignore[attr-defined]
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise ValueError("too long an answer")
        if time.monotonic() > until:
            raise TimeoutError
    return b"".join(parts)


def _place(url: str) -> str:
    return url.partition("?")[0]
