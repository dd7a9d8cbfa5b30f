"""A route that makes its whole answer itself: its checks, its errors and its page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.testclient import TestClient
from starlette.types import Message

from serving.limits import Budget, read_body
from serving.problems import Problem, install
from serving.routes.by_hand import ByHand


@pytest.fixture
def seen() -> list[str]:
    return []


@pytest.fixture
def asked(seen: list[str]) -> TestClient:
    """An app with one such route, whose second check refuses where `?refuse` is asked."""

    async def first(request: Request) -> None:
        request.state.trace_id = "t"
        seen.append("first")

    async def second(request: Request) -> None:
        seen.append("second")
        if "refuse" in request.query_params:
            raise Problem(401, "no-key", "no key was sent", "send it")

    router = APIRouter(dependencies=[Depends(first)], route_class=ByHand)

    @router.post("/asked", dependencies=[Depends(second)], response_model=dict[str, int])
    async def endpoint(request: Request) -> Response:
        seen.append((await request.body()).decode())
        return Response(b"made by hand", 200, {"x-own": "1"})

    app = FastAPI()
    install(app)
    app.include_router(router, prefix="/under")
    return TestClient(app)


def test_every_check_runs_in_its_order_and_then_the_endpoint(
    asked: TestClient, seen: list[str]
) -> None:
    answered = asked.post("/under/asked", content=b"body")
    assert (answered.status_code, answered.content) == (200, b"made by hand")
    assert answered.headers["x-own"] == "1"
    assert seen == ["first", "second", "body"]


def test_a_check_that_refuses_ends_it_before_the_body_is_read(
    asked: TestClient, seen: list[str]
) -> None:
    refused = asked.post("/under/asked?refuse", content=b"body")
    assert (refused.status_code, refused.json()["fix"]) == (401, "send it")
    assert seen == ["first", "second"]


def test_its_page_is_fastapis(asked: TestClient) -> None:
    schema: dict[str, Any] = asked.get("/openapi.json").json()
    answers = schema["paths"]["/under/asked"]["post"]["responses"]
    assert answers["200"]["content"]["application/json"]["schema"]["type"] == "object"


def test_a_body_that_comes_in_one_piece_is_not_copied() -> None:
    body = b"x" * 1000

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    with Budget(5000).share() as share:
        assert asyncio.run(read_body(request, 5000, 1.0, share)) is body
        assert share.held == len(body)
