"""What stands behind the proxy in its tests: an ASGI app that tells what reached it.

Started as `uvicorn --factory support.edge_upstream:create_app`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def _told(request: Request) -> JSONResponse:
    body = await request.body()
    told = {
        "who": os.environ["EDGE_NAME"],
        "bytes": len(body),
        "headers": dict(request.headers),
        "path": request.url.path,
    }
    return JSONResponse(told)


async def _predicted(request: Request) -> JSONResponse:
    if (
        await request.body() == f"busy {os.environ['EDGE_NAME']}".encode()
    ):  # as serving/work.py does
        busy = {"type": "urn:denguard:problem:busy", "status": 503}
        return JSONResponse(busy, 503, {"Retry-After": "2"}, "application/problem+json")
    answer = await _told(request)
    await asyncio.sleep(0.02)  # so that some requests are in hand whenever the process is killed
    return answer


async def _held(request: Request) -> JSONResponse:
    """Answers once the file that EDGE_GATE names is there; each one that waits is counted."""
    gate = Path(os.environ["EDGE_GATE"])
    with (gate.parent / "waiting").open("a") as waiting:
        waiting.write("x")
    while not gate.exists():
        await asyncio.sleep(0.01)
    return JSONResponse({"held": True})


def create_app() -> Starlette:
    """The app."""
    return Starlette(
        routes=[
            Route("/predictions", _predicted, methods=["POST"]),
            Route("/held", _held),
            Route("/{path:path}", _told, methods=["GET", "POST"]),
        ]
    )
