"""Asks a server over some kept-alive connections, from a process of its own; the same for both.

    python -m benchmarks.speed.endpoint_load PORT PATH CONNECTIONS SECONDS FOLDER

FOLDER holds the bodies, one a file, which are sent in turn. Prints what Load says, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
import uvloop

KEY = "a-key-of-the-bench"
_WARM_SECONDS = 0.7
_MARGIN_SECONDS = 30.0


@dataclass(frozen=True)
class Load:
    """Answers a second, and seconds that half and 99 % of the answers took at most."""

    rate: float
    p50: float
    p99: float


def load(
    port: int, path: str, bodies: Sequence[bytes], connections: int, seconds: float = 3.0
) -> Load:
    """Ask as fast as a server answers. Raises RuntimeError on any answer but 200."""
    with TemporaryDirectory() as folder:
        for number, body in enumerate(bodies):
            (Path(folder) / f"{number:06d}").write_bytes(body)
        argv = [sys.executable, "-m", __name__, str(port), path, str(connections), str(seconds)]
        done = subprocess.run(
            [*argv, folder],
            capture_output=True,
            text=True,
            timeout=seconds + _MARGIN_SECONDS,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{path} at {connections} connections: {done.stderr.strip()[-500:]}")
    return Load(**json.loads(done.stdout))


class _Asking(asyncio.Protocol):
    """One connection: a request, its whole answer, the next request."""

    def __init__(self, requests: Iterator[bytes], until: float, took: list[tuple[float, float]]):
        self.ended = asyncio.get_running_loop().create_future()
        self._requests, self._until, self._took = requests, until, took
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._ask()

    def _ask(self) -> None:
        self._start = time.perf_counter()
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.ended.set_exception(RuntimeError(self._held[-400:].decode(errors="replace")))
            self._transport.close()
            return
        now = time.perf_counter()
        self._took.append((now, now - self._start))
        self._held = b""
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (asyncio's name)
        if not self.ended.done():
            self.ended.set_result(None)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("an answer without its length")


async def _asked(port: int, path: str, connections: int, seconds: float, folder: Path) -> Load:
    requests = cycle([_request(path, file.read_bytes()) for file in sorted(folder.iterdir())])
    took: list[tuple[float, float]] = []
    begin = time.perf_counter() + _WARM_SECONDS
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(
            lambda: _Asking(requests, begin + seconds, took), "127.0.0.1", port
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(asking.ended for _, asking in made))
    counted = np.array([spent for at, spent in took if at >= begin])
    return Load(
        len(counted) / (max(at for at, _ in took) - begin),
        float(np.quantile(counted, 0.5)),
        float(np.quantile(counted, 0.99)),
    )


def _request(path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


if __name__ == "__main__":
    port, path, connections, seconds, folder = sys.argv[1:]
    asked = _asked(int(port), path, int(connections), float(seconds), Path(folder))
    sys.stdout.write(json.dumps(asdict(uvloop.run(asked))))
