"""Errors as problem+json (RFC 9457), with what to send instead."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from pipelines.errors import DenguardError, invalid_values
from serving.tracing import HEADER

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
_MAX_TEXT = 500
_MAX_ERRORS = 20  # a batch of a thousand bad rows needs no thousand lines to be understood


class Problem(Exception):
    """An answer that is not a prediction.

    Args:
        slug: stable kebab-case name; the problem's `type` ends with it.
        detail: what happened, for the reader of this answer.
        fix: what to send or do instead.
        errors: one entry per bad field, {where, what}.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        fix: str,
        errors: Sequence[dict[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.slug, self.detail, self.fix = status, slug, detail, fix
        self.errors, self.headers = list(errors), headers or {}


@dataclass(frozen=True)
class NotReady:
    """Why nothing can be answered yet: a stable name, the reason, and what to do about this one."""

    slug: str
    detail: str
    fix: str

    def problem(self) -> Problem:
        """503, to be asked again soon."""
        return Problem(503, self.slug, self.detail, self.fix, headers={"Retry-After": "30"})


def invalid_fields(err: ValidationError, prefix: str = "") -> Problem:
    """422 from pydantic's findings, each with the place in the body."""
    found = [
        {"where": _short(f"{prefix}.{name}".strip(".")), "what": _short(message)}
        for name, message in invalid_values(err)
    ]
    return Problem(
        422,
        "invalid-fields",
        f"{len(found)} field(s) cannot be used",
        "correct the fields named in errors; /docs shows a whole example",
        found,
    )


def _short(text: str) -> str:
    """What a caller sent comes back in no length that the caller chose."""
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."


def response(problem: Problem, trace_id: str) -> JSONResponse:
    """The problem as an HTTP answer."""
    body: dict[str, Any] = {
        "type": f"urn:denguard:problem:{problem.slug}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "fix": problem.fix,
        "errors": problem.errors[:_MAX_ERRORS],
        "trace_id": trace_id,
    }
    # Named here as well: what nobody expected is answered outside the tracing middleware.
    headers = {**problem.headers, HEADER: trace_id}
    return JSONResponse(body, problem.status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of the app a problem."""

    @app.exception_handler(Problem)
    async def _problem(request: Request, err: Problem) -> JSONResponse:
        return response(err, request.state.trace_id)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, err: HTTPException) -> JSONResponse:
        problem = Problem(
            err.status_code,
            "http",
            str(err.detail),
            "see /docs for the routes and methods",
            headers=dict(err.headers or {}),
        )
        return response(problem, request.state.trace_id)

    @app.exception_handler(RequestValidationError)
    async def _fields(request: Request, err: RequestValidationError) -> JSONResponse:
        found = [{"where": name, "what": message} for name, message in invalid_values(err)]
        problem = Problem(
            422,
            "invalid-fields",
            "the request cannot be used",
            "correct the fields named in errors",
            found,
        )
        return response(problem, request.state.trace_id)

    @app.exception_handler(DenguardError)
    async def _named(request: Request, err: DenguardError) -> JSONResponse:
        log.error("trace %s: %s", request.state.trace_id, err)
        problem = Problem(500, "internal", err.what, "tell the operator the trace id")
        return response(problem, request.state.trace_id)

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, err: Exception) -> JSONResponse:
        # Its name alone: its text may hold what was asked. The server logs the traceback itself.
        log.error("trace %s: unexpected %s", request.state.trace_id, type(err).__name__)
        problem = Problem(
            500, "internal", "something went wrong here", "tell the operator the trace id"
        )
        return response(problem, request.state.trace_id)
