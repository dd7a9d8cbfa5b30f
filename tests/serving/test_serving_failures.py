"""What the endpoint answers when it is slow, when a body is cut, and when something breaks
in it."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from support.api import KEY, ROW, make_app, running

from pipelines.errors import StoreError
from serving.routes import predictions

SECRET = "/srv/denguard/private"
FIVE_ROWS = json.dumps({"rows": [ROW] * 5}).encode()  # more than are answered at once
HEADERS = {"Authorization": f"Bearer {KEY}"}


def head(length: int) -> bytes:
    lines = [
        "POST /predictions HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Authorization: Bearer {KEY}",
        f"Content-Length: {length}",
        "Connection: close",
        "",
        "",
    ]
    return "\r\n".join(lines).encode()


def problem(answer: bytes, status: int, slug: str) -> dict[str, Any]:
    top, _, body = answer.partition(b"\r\n\r\n")
    lines = top.decode().split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
    found: dict[str, Any] = json.loads(body)
    assert lines[0].startswith(f"HTTP/1.1 {status}"), answer
    assert (headers["content-type"], found["type"]) == (
        "application/problem+json",
        f"urn:denguard:problem:{slug}",
    )
    assert found["trace_id"] and found["trace_id"] == headers["x-trace-id"]
    return found


def test_an_answer_that_takes_too_long_is_a_504_that_says_what_to_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(predictions, "answer", lambda *_: released.wait(120) and [])
    with (
        running(make_app(tmp_path, request_timeout_s=0.2)) as address,
        socket.create_connection(address, timeout=120) as wire,
    ):
        try:
            wire.sendall(head(len(FIVE_ROWS)) + FIVE_ROWS)
            found = problem(wire.makefile("rb").read(), 504, "too-slow")
        finally:
            released.set()
    assert found["detail"] == "no answer within 0.2 s"
    assert "fewer rows" in found["fix"]


def test_a_body_that_is_cut_is_counted_as_a_400_and_others_are_answered(tmp_path: Path) -> None:
    counted = 'denguard_requests_total{route="/predictions",status="400"} 1.0'
    with running(make_app(tmp_path, request_timeout_s=120.0)) as address:
        with socket.create_connection(address, timeout=60) as wire:
            wire.sendall(head(len(FIVE_ROWS)) + FIVE_ROWS[:100])
        url, deadline = f"http://{address[0]}:{address[1]}", time.monotonic() + 60
        while counted not in httpx.get(f"{url}/metrics", timeout=60).text:
            assert time.monotonic() < deadline, "it waits for the rest"
            time.sleep(0.02)
        again = httpx.post(
            f"{url}/predictions",
            content=FIVE_ROWS,
            headers={**HEADERS, "Content-Type": "application/json"},
            timeout=60,
        )
    assert again.status_code == 200


def test_a_cut_body_is_a_problem_that_says_to_send_it_again(tmp_path: Path) -> None:
    """As the server hands it on: over a socket the answer reaches nobody, its reader has left."""
    arriving = [
        {"type": "http.request", "body": FIVE_ROWS[:100], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return arriving.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asked = [(b"authorization", f"Bearer {KEY}".encode()), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/predictions",
        "raw_path": b"/predictions",
        "root_path": "",
        "query_string": b"",
        "headers": asked,
        "client": ("127.0.0.1", 1),
        "server": ("x", 80),
    }
    asyncio.run(make_app(tmp_path)(scope, receive, send))  # type: ignore[arg-type]

    start, body = sent
    found = json.loads(body["body"])
    assert (start["status"], found["type"]) == (400, "urn:denguard:problem:cut-body")
    assert found["fix"] == "send it again"
    assert (b"connection", b"Close".lower()) in [
        (k.lower(), v.lower()) for k, v in start["headers"]
    ]


def _unexpected(*_: object) -> None:
    raise ValueError(f"no such thing in {SECRET}")


def _named(*_: object) -> None:
    raise StoreError("the weights cannot be read", where=SECRET, fix="look into the store")


@pytest.mark.parametrize("breaks", [_unexpected, _named])
def test_what_breaks_inside_is_a_500_with_a_trace_id_and_nothing_of_the_inside(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    breaks: Callable[..., None],
) -> None:
    monkeypatch.setattr(predictions, "answer", breaks)
    client = TestClient(make_app(tmp_path), headers=HEADERS, raise_server_exceptions=False)

    with caplog.at_level(logging.ERROR, logger="serving.problems"):
        response = client.post("/predictions", json={"rows": [ROW]})

    found = response.json()
    assert (response.status_code, found["type"]) == (500, "urn:denguard:problem:internal")
    assert found["trace_id"] == response.headers["X-Trace-Id"]
    assert "trace id" in found["fix"]
    assert "Traceback" not in response.text and SECRET not in response.text
    assert any(found["trace_id"] in record.getMessage() for record in caplog.records)
