"""Over a real socket: slow bodies, lengths that lie, floods of headers, half requests."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.api import KEY, ROW, make_app, running

GOOD = json.dumps({"rows": [ROW]}).encode()
HEAD = (
    "POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: "
    f"Bearer {KEY}\r\n"
)


@pytest.fixture(scope="module")
def server(api_home: Path) -> Iterator[tuple[str, int]]:
    """Host and port of an endpoint that waits a second for a body."""
    app = make_app(api_home, request_timeout_s=1.0, prediction_log_days=0)
    with running(app) as address:
        yield address


def talk(
    server: tuple[str, int], *pieces: bytes, pause_s: float = 0.0, patience_s: float = 60.0
) -> bytes:
    """Send piece after piece, then read until the server has nothing more to say.

    Its first words are waited for however busy the machine is; after them three seconds are
    silence.
    """
    with socket.create_connection(server, timeout=patience_s) as wire:
        try:
            for piece in pieces:
                wire.sendall(piece)
                time.sleep(pause_s)
        except (ConnectionResetError, BrokenPipeError):
            pass  # it has answered already
        received = b""
        try:
            while chunk := wire.recv(65536):
                received += chunk
                wire.settimeout(3)
        except (TimeoutError, ConnectionResetError):
            pass
        return received


def length(n: object) -> bytes:
    return f"{HEAD}Content-Length: {n}\r\n\r\n".encode()


CHUNKED = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
WIRES = {
    "a body that drips, a byte every 50 ms": ([length(len(GOOD)), *[GOOD[i : i + 1] for i in range(20)]], 0.05, b"408", b"slow-body"),
    "a body that never comes": ([length(len(GOOD))], 0.0, b"408", b"slow-body"),
    "a length greater than the body": ([length(len(GOOD) + 500) + GOOD], 0.0, b"408", b"better connection"),
    "a chunked body without its end": ([CHUNKED + b"5\r\n{\"row\r\n"], 0.0, b"408", b"slow-body"),
    "a length of a terabyte": ([length(10**12)], 0.0, b"413", b"DENGUARD_MAX_BODY_BYTES"),
    "a length of 4,000 digits": ([length("9" * 4000)], 0.0, b"4", b""),
    "a length below zero": ([length(-5) + GOOD], 0.0, b"400", b""),
    "a length in letters": ([length("many") + GOOD], 0.0, b"400", b""),
    "a chunk size that is no number": ([CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n"], 0.0, b"4", b""),
    "no HTTP at all": ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"], 0.0, b"400", b""),
    "an unknown method": ([b"OWN / HTTP/1.1\r\nHost: x\r\n\r\n"], 0.0, b"4", b""),
    "no key, and the rest of the body is not waited for": ([b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"], 0.0, b"401", b"no-key"),
}  # fmt: skip


@pytest.mark.parametrize("name", WIRES)
def test_a_hostile_wire_is_answered_and_the_server_lives(
    server: tuple[str, int], name: str
) -> None:
    pieces, pause_s, status, word = WIRES[name]

    received = talk(server, *pieces, pause_s=pause_s)

    assert received.startswith(b"HTTP/1.1 " + status), received[:300]
    assert word in received
    assert b"Traceback" not in received
    assert_alive(server)


def test_a_request_smuggled_behind_a_short_length_is_no_request_of_its_own_key(
    server: tuple[str, int],
) -> None:
    """What follows the declared body is read as a new request, and that one has no key."""
    smuggled = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    received = talk(server, length(len(GOOD)) + GOOD + smuggled)
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"401"]


def test_two_lengths_or_a_length_and_chunks_do_not_make_two_requests(
    server: tuple[str, int],
) -> None:
    """What a proxy and we could read differently is refused, or the connection is closed
    after it."""
    double = f"{HEAD}Content-Length: 4\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD
    assert not talk(server, double).startswith(b"HTTP/1.1 200")
    both = (
        f"{HEAD}Content-Length: {len(GOOD)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()
        + GOOD
    )
    assert b"HTTP/1.1 200" not in talk(server, both)
    assert_alive(server)


def test_fifty_half_requests_do_not_keep_others_out(server: tuple[str, int]) -> None:
    half = [socket.create_connection(server, timeout=10) for _ in range(50)]
    try:
        for wire in half:
            wire.sendall(b"POST /predictions HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert_alive(server)
    finally:
        for wire in half:
            wire.close()


def test_a_flood_of_headers_is_cut_off(server: tuple[str, int]) -> None:
    flood = [f"X-{n}: {'x' * 1000}\r\n".encode() * 100 for n in range(200)]  # 20 MB
    received = talk(server, b"GET /health/live HTTP/1.1\r\nHost: x\r\n", *flood, patience_s=3)
    assert not received.startswith(b"HTTP/1.1 200")
    assert_alive(server)


def assert_alive(server: tuple[str, int]) -> None:
    url = f"http://{server[0]}:{server[1]}/predictions"
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    assert httpx.post(url, content=GOOD, headers=headers, timeout=60).status_code == 200
