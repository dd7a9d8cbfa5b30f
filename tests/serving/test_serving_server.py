"""Over a real socket: bodies that are refused while they arrive, and a swap under load."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from pipelines.fusion.bundle import Bundle
from serving.app import create_app
from serving.settings import Settings

HUNDRED_MB = 100_000_000


@pytest.fixture
def server(
    deployment: Any, settings: Settings, bundle_of: Callable[..., Bundle]
) -> Iterator[tuple[str, int]]:
    """Host and port of a running endpoint with a linear champion."""
    deployment.promote(bundle_of())
    with socket.socket() as taken:  # bound here, so that no other test gets the port between
        taken.bind(("127.0.0.1", 0))
        running = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="warning"))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        while not running.started:
            assert thread.is_alive()
            time.sleep(0.02)
        host, port = taken.getsockname()
        while httpx.get(f"http://{host}:{port}/health/ready").status_code != 200:
            time.sleep(0.02)
        yield host, port
        running.should_exit = True
        thread.join(timeout=20)


def send_until_answered(
    address: tuple[str, int], headers: list[str], chunked: bool
) -> tuple[int, bytes]:
    """Send up to 100 MB and stop as soon as there is an answer: bytes sent, and the answer."""
    piece = b" " * 100_000
    framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    sent, left = 0, b""
    with socket.create_connection(address, timeout=20) as wire:
        head = ["POST /predictions HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
        wire.sendall("\r\n".join([*head, "", ""]).encode())
        wire.setblocking(False)
        deadline = time.monotonic() + 20
        while sent < HUNDRED_MB and time.monotonic() < deadline:
            try:
                answer = wire.recv(65536)
                return sent, answer
            except BlockingIOError:
                pass
            try:
                left = left or framed
                count = wire.send(left)
                sent, left = sent + count, left[count:]
            except BlockingIOError:
                time.sleep(0.005)
            except (ConnectionResetError, BrokenPipeError):
                # It answered and closed while we sent; like any client, read what came before.
                return sent, wire.recv(65536)
    return sent, b""


@pytest.mark.parametrize("chunked", [False, True], ids=["declared length", "chunked"])
def test_a_hundred_mb_are_refused_before_they_are_read(
    server: tuple[str, int], chunked: bool
) -> None:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {HUNDRED_MB}"

    sent, answer = send_until_answered(
        server, [length, "Authorization: Bearer a-key-for-tests"], chunked
    )

    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]
    assert b"connection: close" in answer.lower()
    assert sent < 40_000_000  # 8 MB, and what the sockets hold


def test_without_a_key_nothing_of_the_body_is_waited_for(server: tuple[str, int]) -> None:
    _, answer = send_until_answered(server, [f"Content-Length: {HUNDRED_MB}"], chunked=False)

    assert answer.startswith(b"HTTP/1.1 401"), answer[:200]


def test_a_swap_under_load_loses_no_request(
    server: tuple[str, int], deployment: Any, bundle_of: Callable[..., Bundle], row: dict[str, Any]
) -> None:
    answers: list[tuple[int, str]] = []
    body = json.dumps({"rows": [row]})
    headers = {"Authorization": "Bearer a-key-for-tests", "Content-Type": "application/json"}
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=f"http://{server[0]}:{server[1]}", headers=headers) as client:
            while not done.is_set():
                response = client.post("/predictions", content=body, timeout=20)
                version = response.json()["predictions"][0]["model_version"]
                answers.append((response.status_code, version))

    several = [threading.Thread(target=ask) for _ in range(3)]
    for thread in several:
        thread.start()
    version = deployment.promote(bundle_of(bias=1.5))
    deadline = time.monotonic() + 30
    while version not in {v for _, v in answers[-3:]} and time.monotonic() < deadline:
        time.sleep(0.05)
    done.set()
    for thread in several:
        thread.join(timeout=20)

    assert {status for status, _ in answers} == {200}
    assert {v for _, v in answers} == {"1", version}
