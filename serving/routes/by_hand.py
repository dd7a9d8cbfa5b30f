"""A route whose endpoint takes the request alone and makes the whole answer itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send


class ByHand(APIRoute):
    """FastAPI describes it and names its checks, and does no more.

    Its layers would look for parameters that are not there and close what nobody opened, which
    takes longer than a small head. The checks are the route's dependencies, each a coroutine of the
    request, run in their order before the endpoint. Errors are answered by the app's handlers.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **said: Any) -> None:
        super().__init__(path, endpoint, **said)
        self._make: Callable[[Request], Awaitable[Response]] = endpoint
        checks: list[Any] = [dependency.call for dependency in self.dependant.dependencies]
        self._checks: list[Callable[[Request], Awaitable[None]]] = checks
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        for check in self._checks:
            await check(request)
        response = await self._make(request)
        await response(scope, receive, send)
