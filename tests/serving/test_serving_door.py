"""Our own server on loopback: idle and slow connections, long heads, and pixels under way."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tifffile
import uvicorn
from fastapi.testclient import TestClient

from pipelines.local.components import HOST
from serving.app import create_app
from serving.door import Door
from serving.limits import Budget
from serving.settings import DoorLimits, Settings

Address = tuple[str, int]
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
# A second for what must end by itself; a minute for what must not happen before the test is over.
SOON, LATE = 1.0, 60.0


def served(app: Any, **limits: Any) -> Iterator[tuple[Address, uvicorn.Server]]:
    door = type("SmallDoor", (Door,), {"limits": DoorLimits(**limits)})
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        config = uvicorn.Config(
            app,
            http=door,
            ws="none",
            lifespan="off",
            log_level="error",
            timeout_graceful_shutdown=1,
        )
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield taken.getsockname(), running
        running.should_exit = True
        thread.join(timeout=20)


@pytest.fixture
def patient(settings: Settings) -> Iterator[tuple[Address, uvicorn.Server]]:
    """Four connections, a kilobyte and a half of head, all the time in the world."""
    yield from served(
        create_app(settings),
        max_connections=4,
        max_head_bytes=1500,
        head_timeout_s=LATE,
        answer_timeout_s=LATE,
    )


@pytest.fixture
def hasty(settings: Settings) -> Iterator[tuple[Address, uvicorn.Server]]:
    """A second for a head, and for an answer."""
    yield from served(create_app(settings), head_timeout_s=SOON, answer_timeout_s=SOON)


def heard(wire: socket.socket) -> bytes:
    """All that comes until the other side closes; a test that waits too long fails in
    socket.timeout.
    """
    parts = []
    try:
        while part := wire.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def connect(address: Address) -> socket.socket:
    return socket.create_connection(address, timeout=20)


def test_more_connections_than_allowed_are_refused_and_room_is_made_again(
    patient: tuple[Address, uvicorn.Server],
) -> None:
    address, server = patient
    with ExitStack() as idle:
        for _ in range(4):
            idle.enter_context(connect(address))
        while len(server.server_state.connections) < 4:
            time.sleep(0.01)
        with connect(address) as fifth:
            assert heard(fifth).startswith(b"HTTP/1.1 503 ")
    while server.server_state.connections:
        time.sleep(0.01)
    assert httpx.get(f"http://{address[0]}:{address[1]}/health/live").status_code == 200


def test_connections_that_were_answered_and_ask_nothing_make_room(
    patient: tuple[Address, uvicorn.Server],
) -> None:
    with ExitStack() as idle:
        for _ in range(6):
            wire = idle.enter_context(connect(patient[0]))
            wire.sendall(LIVE + b"\r\n")
            assert wire.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "sent", [b"", LIVE, b"\r\n"], ids=["nothing", "half a head", "an empty line"]
)
def test_a_connection_that_does_not_finish_its_head_is_closed(
    hasty: tuple[Address, uvicorn.Server], sent: bytes
) -> None:
    with connect(hasty[0]) as wire:
        wire.sendall(sent)
        assert heard(wire) == b""


def test_a_second_request_has_no_more_time_than_the_first(
    hasty: tuple[Address, uvicorn.Server],
) -> None:
    """One byte ends uvicorn's keep-alive timer; without ours nothing would end the connection."""
    with connect(hasty[0]) as wire:
        wire.sendall(LIVE + b"\r\n")
        assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        wire.sendall(b"\r\n")
        assert b"HTTP/1.1" not in heard(wire)


def test_a_body_that_nobody_waits_for_does_not_hold_the_connection(
    hasty: tuple[Address, uvicorn.Server],
) -> None:
    """The answer is 401 before the body; what follows of it does not buy time."""
    with connect(hasty[0]) as wire:
        wire.sendall(b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        assert b" 401 " in wire.recv(65536)
        wire.sendall(b"{")
        assert b"HTTP/1.1" not in heard(wire)


def test_an_answer_that_does_not_end_or_is_not_read_ends_its_connection() -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(LATE)

    for address, _ in served(never, answer_timeout_s=SOON):
        with connect(address) as wire:
            wire.sendall(LIVE + b"\r\n")
            assert heard(wire) == b""


def test_an_answer_behind_another_one_of_the_connection_has_no_more_time() -> None:
    async def first_alone(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/never":
            await asyncio.sleep(LATE)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    for address, _ in served(first_alone, answer_timeout_s=SOON):
        with connect(address) as wire:
            wire.sendall(LIVE + b"\r\n" + LIVE.replace(b"/health/live", b"/never") + b"\r\n")
            assert heard(wire).count(b"HTTP/1.1") == 1


def test_a_path_that_is_too_long_is_refused(patient: tuple[Address, uvicorn.Server]) -> None:
    with connect(patient[0]) as wire:
        wire.sendall(LIVE.replace(b"/live", b"/" + b"a" * 2000) + b"\r\n")
        assert wire.recv(65536).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("pieces", [1, 40], ids=["at once", "piece by piece"])
@pytest.mark.parametrize("end", [b"\r\n\r\n", b""], ids=["whole", "without an end"])
def test_a_head_that_is_too_long_is_refused(
    patient: tuple[Address, uvicorn.Server], pieces: int, end: bytes
) -> None:
    head = LIVE + b"X-Long: " + b"a" * 2000 + end
    size = -(-len(head) // pieces)
    with connect(patient[0]) as wire:
        for start in range(0, len(head), size):
            try:
                wire.sendall(head[start : start + size])
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(0.002 if pieces > 1 else 0)
        answer = wire.recv(65536)
    assert answer.startswith(b"HTTP/1.1 431 ") and b"1500 bytes" in answer


def test_heads_are_counted_one_by_one(patient: tuple[Address, uvicorn.Server]) -> None:
    head = LIVE + b"X-Long: " + b"a" * 1200 + b"\r\n\r\n"
    with connect(patient[0]) as wire:
        for _ in range(3):
            for part in (head[:700], head[700:]):  # what came of one is no part of the next
                wire.sendall(part)
                time.sleep(0.02)
            answer = b""
            while (more := wire.recv(65536)) and not (answer := answer + more).endswith(b"}"):
                pass
            assert answer.startswith(b"HTTP/1.1 200")


def picture(side: int) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(
        out, np.zeros((side, side, 3), np.uint8), photometric="rgb", compression="deflate"
    )
    return out.getvalue()


def upload(client: TestClient, row: dict[str, Any], side: int) -> Any:
    files = {"scene": ("image_2018-11-01.tiff", picture(side), "image/tiff")}
    return client.post("/predictions", data={"row": json.dumps(row)}, files=files)


def test_pixels_under_way_are_bounded_over_all_requests(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    """While 7,990,000 of 8,000,000 pixels are held, a scene of 40,000 waits and one of 400 does
    not.
    """
    pixels: Budget = serving_client.app.state.pixels  # type: ignore[attr-defined]
    with pixels.share() as share:
        assert share.may_take(7_990_000)
        answer = upload(serving_client, row, 200)
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert answer.json()["type"].endswith("too-much-at-once") and answer.json()["fix"]
        assert upload(serving_client, row, 20).status_code == 200
    assert upload(serving_client, row, 200).status_code == 200
    assert pixels.held == 0


def test_a_small_file_of_very_many_pixels_is_refused_by_default(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    """4,004,001 pixels in a few kilobytes."""
    answer = upload(serving_client, row, 2001)
    assert answer.status_code == 413 and answer.json()["type"].endswith("pixel-bomb")


def test_bytes_of_bodies_under_way_are_bounded_over_all_requests(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    bodies: Budget = serving_client.app.state.bodies  # type: ignore[attr-defined]
    with bodies.share() as share:
        assert share.may_take(64_000_000 - 10)
        answer = serving_client.post("/predictions", json={"rows": [row]})
        assert answer.status_code == 503 and answer.json()["type"].endswith("too-much-at-once")
    assert serving_client.post("/predictions", json={"rows": [row]}).status_code == 200
    assert bodies.held == 0


def test_the_endpoint_is_started_with_its_door_wherever_it_is_started() -> None:
    root = Path(__file__).parents[2]
    for file in ("serving/Dockerfile", "pipelines/local/components.py"):
        text = " ".join((root / file).read_text(encoding="utf-8").split())
        assert '"--http", "serving.door:Door", "--ws", "none"' in text, file
