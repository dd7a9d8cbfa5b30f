"""Keys of wrong shapes, methods, paths and traversals: refused as problems, and nothing is told."""

from __future__ import annotations

import asyncio

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.types import Message
from support.api import KEY, ROW, refused

from serving.limits import Budget, read_body

KEYS: dict[str, tuple[list[tuple[str, bytes]], str]] = {
    "no key": ([], "no-key"),
    "an empty header": ([("Authorization", b"")], "no-key"),
    "the scheme alone": ([("Authorization", b"Bearer")], "no-key"),
    "a blank key": ([("Authorization", b"Bearer  ")], "no-key"),
    "another scheme": ([("Authorization", b"Basic " + KEY.encode())], "no-key"),
    "the key without a scheme": ([("Authorization", KEY.encode())], "no-key"),
    "a wrong key": ([("Authorization", b"Bearer wrong")], "wrong-key"),
    "the key in capitals": ([("Authorization", b"Bearer " + KEY.upper().encode())], "wrong-key"),
    "the key and a letter": ([("Authorization", b"Bearer " + KEY.encode() + b"x")], "wrong-key"),
    "the key's beginning": ([("Authorization", b"Bearer " + KEY.encode()[:-1])], "wrong-key"),
    "a key of bytes beyond ASCII": (
        [("Authorization", b"Bearer \xf0\x9f\xa6\x9f\xff")],
        "wrong-key",
    ),
    "a key of 100,000 letters": ([("Authorization", b"Bearer " + b"x" * 100_000)], "wrong-key"),
    "a wrong key before the right one": (
        [("Authorization", b"Bearer no"), ("Authorization", b"Bearer " + KEY.encode())],
        "wrong-key",
    ),
    "the key in the wrong header": ([("X-Api-Key", KEY.encode())], "no-key"),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_of_another_shape_opens_nothing(client: TestClient, name: str) -> None:
    headers, slug = KEYS[name]
    bare = TestClient(client.app, raise_server_exceptions=False)

    answer = bare.post("/predictions", json={"rows": [ROW]}, headers=headers)

    assert "key made at set-up" in refused(answer, 401, slug)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert KEY not in answer.text


def test_the_key_does_not_count_in_the_address(client: TestClient) -> None:
    bare = TestClient(client.app, raise_server_exceptions=False)
    answer = bare.post(f"/predictions?access_token={KEY}", json={"rows": [ROW]})
    refused(answer, 401, "no-key")


METHODS = [
    ("GET", "/predictions"),
    ("PUT", "/predictions"),
    ("DELETE", "/predictions"),
    ("OPTIONS", "/predictions"),
    ("PATCH", "/model"),
    ("POST", "/health/live"),
    ("TRACE", "/model"),
    ("DELETE", "/metrics"),
]


@pytest.mark.parametrize(("method", "path"), METHODS)
def test_another_method_is_told_the_allowed_one(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert "see /docs" in refused(answer, 405, "http")
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/predictions/1",
        "/%00",
        "/model%00",
        "/..%2f..%2fetc%2fpasswd",
        "/static-offline-docs/..%2f..%2f..%2fetc%2fpasswd",
        "/static-offline-docs/%00",
        "//etc/passwd",
        "/" + "x" * 60_000,
        "/\u202e",
        "/.env",
    ],
)
def test_a_path_that_is_none_leads_nowhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404, answer.text[:300]
    assert "root:" not in answer.text


def test_a_content_length_in_odd_digits_is_not_believed() -> None:
    """A superscript is a digit to Python's isdigit and none to int."""

    async def body() -> Message:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    request = Request({"type": "http", "headers": [(b"content-length", b"\xb2")]}, body)
    with Budget(1024).share() as share:
        assert asyncio.run(read_body(request, 1024, 5.0, share)) == b"{}"
