"""The endpoint with a small linear champion, what is sent to it, and what a refusal must say."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from pipelines.registry.lookup import Registered
from serving.app import create_app
from serving.champion import Champion
from serving.settings import Settings
from support.linear_bundle import linear_bundle

KEY = "a-key-for-tests"
ROW: dict[str, Any] = {
    "municipality_code": "05001",
    "origin_week": "2018-w48",
    "horizon_weeks": 4,
    "recent_cases": [30, 28, 27, 35, 31, 40],
    "climate": [{"temp_mean_c": 21.0, "rainfall_mm": 180.0}],
    "population": 2_400_000,
}
VECTOR: dict[str, Any] = {
    "municipality_code": "05001",
    "horizon_weeks": 4,
    "covariates": {"log1p_cases_lag00": 3.5},
}


def champion() -> Champion:
    """A linear bundle of two municipalities and two horizons, taken as from the registry."""
    return Champion(Registered("1", "b" * 16, "run", "models:/m-1"), linear_bundle(), None)


def make_app(home: Path, **settings: Any) -> FastAPI:
    """The app with its champion in place; its thread is not started."""
    hashed = hashlib.sha256(KEY.encode()).hexdigest()
    app = create_app(Settings(api_key_sha256=hashed, home=home, **settings))
    app.state.holder.current = champion()
    return app


@contextmanager
def running(app: FastAPI) -> Iterator[tuple[str, int]]:
    """Host and port of the app on a real socket."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        try:
            yield taken.getsockname()
        finally:
            server.should_exit = True
            thread.join(timeout=60)


def refused(answer: httpx.Response, status: int, slug: str) -> str:
    """The problem's text, checked for what every problem must be."""
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"urn:denguard:problem:{slug}"
    assert problem["detail"] and problem["fix"]
    assert problem["trace_id"] == answer.headers["X-Trace-Id"]
    assert len(answer.content) < 30_000, "what was sent comes back at length"
    assert "Traceback" not in answer.text
    assert "/serving/" not in answer.text
    found = [f"{e['where']}: {e['what']}" for e in problem["errors"]]
    return " | ".join([problem["detail"], problem["fix"], *found])


BOUNDARY = "xxBOUNDARYxx"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts: tuple[str, bytes]) -> bytes:
    """A multipart body of hand-made parts: (headers, content)."""
    made = (f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + data + b"\r\n" for head, data in parts)
    return b"".join(made) + f"--{BOUNDARY}--\r\n".encode()


def row_part(**changed: Any) -> tuple[str, bytes]:
    return 'Content-Disposition: form-data; name="row"', json.dumps({**ROW, **changed}).encode()


def scene_part(data: bytes, name: str = "a.png") -> tuple[str, bytes]:
    return (
        f'Content-Disposition: form-data; name="scene"; filename="{name}"\r\nContent-Type: '
        "image/png",
        data,
    )
