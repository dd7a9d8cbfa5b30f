"""What the web server alone costs: reads a body and answers as many bytes as a prediction has."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

_ANSWER = b"0" * 700
_HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(_ANSWER))],
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """An ASGI app without a framework."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send(_HEAD)
    await send({"type": "http.response.body", "body": _ANSWER})
