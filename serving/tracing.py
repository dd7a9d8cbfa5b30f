"""A trace id for every request, in its answer, its log line and its errors; and request metrics."""

from __future__ import annotations

import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import Metrics

HEADER = "X-Trace-Id"


class TraceMiddleware:
    """Pure ASGI, so that a body is never buffered on its way and an async handler stays one."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, time and name one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id, start, status = uuid.uuid4().hex, time.perf_counter(), 500
        scope.setdefault("state", {})["trace_id"] = trace_id

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = trace_id
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        finally:
            # the route's template, never the raw path: a scanner must not make a million labels
            route = getattr(scope.get("route"), "path", "unknown")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - start)
