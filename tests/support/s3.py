"""A real S3-speaking server on loopback, in a process of its own, that can be told to misbehave.

Every test that takes the fixture `s3` gets an empty bucket and the AWS_* variables that point s3fs,
boto3, DVC and MLflow at the server:

    def test_it_lies_on_s3(s3: Bucket) -> None:
        publish(folder, f"{s3.uri}/datasets")        # s3://<bucket>/datasets
        with s3.server.refusing_writes():            # 503 to PUT, POST and DELETE; reads go on
            ...
        with s3.server.forbidding_writes():          # 403 AccessDenied
            ...
        with s3.server.down():                       # connections end without an answer
            ...
        with s3.server.holding_reads():              # objects are asked for and not yet answered
            ...
        s3.server.cut_reads(1000, 0)                 # of the next two answers so many bytes come
        assert s3.keys("datasets/") == [...]
        s3.server.requests()                         # ["PUT /bucket/key", ...] since it started
        s3.ranges()                                  # [("key", first byte, last byte), ...]

Processes that a test starts inherit the variables (`{**os.environ, ...}`); `s3.env` holds them too.
For a fixture that outlives a test, call `s3_server.new_bucket(name)` and pass its `env` on.
Objects live in the server's memory (moto): they are gone when the session ends.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REGION = "us-east-1"
_WRITES = {"PUT", "POST", "DELETE"}
_ANSWERS = {
    "refuse": ("503 Service Unavailable", "SlowDown", "Please reduce your request rate."),
    "forbid": ("403 Forbidden", "AccessDenied", "Access Denied."),
}


@dataclass(frozen=True)
class Server:
    """The server: its address, and switches that hold as long as their `with` block."""

    endpoint: str
    folder: Path

    def new_bucket(self, name: str | None = None) -> Bucket:
        bucket = Bucket(self, name or f"b-{uuid.uuid4().hex[:12]}")
        bucket.client().create_bucket(Bucket=bucket.name)
        return bucket

    @contextmanager
    def _mode(self, mode: str, switch_name: str = "mode") -> Iterator[None]:
        switch = self.folder / switch_name
        switch.write_text(mode, encoding="utf-8")
        try:
            yield
        finally:
            switch.unlink(missing_ok=True)

    def refusing_writes(self) -> Any:
        """Every write is answered 503 SlowDown; reads go on."""
        return self._mode("refuse")

    def forbidding_writes(self) -> Any:
        """Every write is answered 403 AccessDenied; reads go on."""
        return self._mode("forbid")

    def down(self) -> Any:
        """Every connection ends without an answer."""
        return self._mode("down")

    def holding_reads(self) -> Any:
        """Whoever asks for a range of an object waits; all else is answered."""
        return self._mode("", "hold")

    def cut_reads(self, *sizes: int) -> None:
        """Of the next answers to a range, one each, only so many bytes come before the line
        breaks."""
        (self.folder / "cuts").write_text("\n".join(map(str, sizes)), encoding="utf-8")

    def refuse_writes_from(self, key_part: str) -> None:
        """From the first write of a key with this part on, refuse every write, until `allow`."""
        (self.folder / "trap").write_text(key_part, encoding="utf-8")

    def allow(self) -> None:
        """All is well again."""
        for switch in ("trap", "mode", "cuts"):
            (self.folder / switch).unlink(missing_ok=True)

    def requests(self) -> list[str]:
        """Every request so far, as `METHOD /bucket/key`."""
        log = self.folder / "requests"
        return log.read_text(encoding="utf-8").splitlines() if log.is_file() else []


@dataclass(frozen=True)
class Bucket:
    """One test's bucket."""

    server: Server
    name: str

    @property
    def uri(self) -> str:
        return f"s3://{self.name}"

    @property
    def env(self) -> dict[str, str]:
        """What a process needs in its environment to work on the server."""
        return {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.server.endpoint,
            "MLFLOW_S3_ENDPOINT_URL": self.server.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> Any:
        """A boto3 client, for looking at (or spoiling) what lies in the bucket."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.server.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name=REGION,
            config=Config(connect_timeout=5, read_timeout=30),
        )

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client().get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for page in found for item in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        body: bytes = self.client().get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def ranges(self) -> list[tuple[str, int, int]]:
        """(key, first byte, last byte) of every range that was asked for, in order."""
        asked = map(str.split, _text(self.server.folder / "ranges").splitlines())
        return [
            (path.removeprefix(f"/{self.name}/"), *map(int, span.split("-")))  # type: ignore[misc]
            for path, span in asked
            if path.startswith(f"/{self.name}/")
        ]

    def write(self, key: str, data: bytes) -> None:
        self.client().put_object(Bucket=self.name, Key=key, Body=data)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    """The server of this worker, on a free port of loopback."""
    with tempfile.TemporaryDirectory(prefix="s3-") as folder:
        child = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert child.stdout is not None
            endpoint = child.stdout.readline().strip()
            assert endpoint.startswith("http://127.0.0.1:"), "the S3 server did not start"
            yield Server(endpoint, Path(folder))
        finally:
            child.kill()
            child.wait(timeout=10)


@pytest.fixture
def s3(s3_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket, with this process's AWS_* variables pointing at it."""
    bucket = s3_server.new_bucket()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in bucket.env.items():
        monkeypatch.setenv(name, value)
    yield bucket
    s3_server.allow()


class _Moody:
    """WSGI in front of moto: writes the log, and refuses what the switches say."""

    def __init__(self, inner: Any, folder: Path) -> None:
        self.inner, self.folder, self._lock = inner, folder, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with (self.folder / "requests").open("a", encoding="utf-8") as log:
            log.write(f"{method} {path}\n")
        self._spring(method, path)
        mode = _text(self.folder / "mode")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)  # unread, it would be taken for the next request
        if mode in _ANSWERS and method in _WRITES:
            return _refuse(start_response, *_ANSWERS[mode])
        if not (span := environ.get("HTTP_RANGE", "").removeprefix("bytes=")):
            answer: Iterable[bytes] = self.inner(environ, start_response)
            return answer
        with self._lock:
            with (self.folder / "ranges").open("a", encoding="utf-8") as log:
                log.write(f"{path} {span}\n")
            cut, *later = _text(self.folder / "cuts").split() or [""]
            (self.folder / "cuts").write_text("\n".join(later), encoding="utf-8")
        while (self.folder / "hold").exists():
            time.sleep(0.02)
        if not cut:
            return self.inner(environ, start_response)
        return [b"".join(self.inner(environ, _closing(start_response)))[: int(cut)]]

    def _spring(self, method: str, path: str) -> None:
        trap = _text(self.folder / "trap")
        if trap and method in _WRITES and trap in path:
            (self.folder / "mode").write_text("refuse", encoding="utf-8")
            (self.folder / "trap").unlink(missing_ok=True)


def _closing(start_response: Any) -> Any:
    """So that what is missing of an answer is not waited for."""

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*headers, ("Connection", "close")], *more)

    return start


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _refuse(start_response: Any, status: str, code: str, message: str) -> list[bytes]:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    start_response(
        status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    )
    return [body.encode()]


def _serve(folder: Path) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        os.environ.pop(name, None)
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"  # or every request would open a connection

        def run_wsgi(self) -> None:
            if _text(folder / "mode") == "down":
                self.close_connection = True
                return
            super().run_wsgi()

        def log(self, type: str, message: str, *args: object) -> None:
            """Quiet: `requests` is the log."""

    inner = DomainDispatcherApplication(create_backend_app)
    server = make_server(
        "127.0.0.1", 0, _Moody(inner, folder), threaded=True, request_handler=Quiet
    )
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
