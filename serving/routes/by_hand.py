"""A route whose endpoint takes the request alone and makes the whole answer itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import request_response


class ByHand(APIRoute):
    """FastAPI describes it and names its checks; Starlette runs it.

    FastAPI's own layers would look for parameters that are not there and close what nobody opened,
    which takes longer than a small head. The checks are the route's dependencies, each a coroutine
    of the request, run in their order before the endpoint.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **said: Any) -> None:
        super().__init__(path, endpoint, **said)
        self.app = request_response(self.get_route_handler())

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The checks, then the endpoint."""
        checks = [dependency.call for dependency in self.dependant.dependencies]

        async def answer(request: Request) -> Response:
            for check in checks:
                await check(request)  # type: ignore[misc]
            response: Response = await self.endpoint(request)
            return response

        return answer
