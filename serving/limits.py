"""How much a request may make us read: body bytes, and how long that may take.

Scenes' pixels are limited where their header is read (scenes.py).
"""

from __future__ import annotations

import asyncio

from starlette.requests import ClientDisconnect, Request

from serving.problems import Problem

# The rest of the body is never read, so the connection cannot be used again.
_CLOSE = {"Connection": "close"}


async def read_body(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    """The whole body, refused as soon as it is known to be too large (413) or too slow (408).

    A declared Content-Length is believed at once; without one the bytes are counted as they come.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    parts, total = [], 0
    try:
        async with asyncio.timeout(timeout_s):
            async for part in request.stream():
                total += len(part)
                if total > max_bytes:
                    raise _too_large(max_bytes)
                parts.append(part)
    except TimeoutError:
        raise Problem(408, "slow-body", f"the body did not arrive within {timeout_s:g} s", "send a smaller body or use a better connection", headers=_CLOSE) from None  # fmt: skip
    except ClientDisconnect:
        raise Problem(400, "cut-body", "the connection ended before the body did", "send it again", headers=_CLOSE) from None  # fmt: skip
    return b"".join(parts)


def _too_large(max_bytes: int) -> Problem:
    return Problem(413, "body-too-large", f"the body is larger than {max_bytes / 1e6:g} MB", "send fewer rows a call, or a smaller scene; the limit is DENGUARD_MAX_BODY_BYTES", headers=_CLOSE)  # fmt: skip
