"""Our endpoint and `mlflow models serve`, one worker each, on free loopback ports; always ended."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil

from benchmarks.speed.endpoint_load import KEY

_START_SECONDS, _ANSWER_SECONDS, _END_SECONDS = 120.0, 60.0, 15.0
_LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Server:
    """Attributes:
    path: that rows are posted to.
    started_s: from the start of the process to its first answer to a look at its health.
    """

    port: int
    path: str
    process: psutil.Process
    started_s: float

    @property
    def megabytes(self) -> float:
        """Resident memory now, of the process and its children."""
        every = [self.process, *self.process.children(recursive=True)]
        return sum(float(one.memory_info().rss) for one in every) / 1e6


@contextmanager
def our_endpoint(home: Path) -> Iterator[Server]:
    """As the image starts it."""
    port = _free_port()
    argv = [sys.executable, "-m", "uvicorn", "--factory", "serving.app:create_app"]
    door = ["--http", "serving.door:Door", "--ws", "none"]
    variables = {
        "DENGUARD_HOME": str(home),
        "DENGUARD_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
    }
    command = [*argv, *door, "--host", "127.0.0.1", "--port", str(port)]
    with _running(command, variables, port, "/health/ready", "/predictions") as server:
        yield server


@contextmanager
def mlflow_serve(model: Path) -> Iterator[Server]:
    """The same bundle by MLflow's own server."""
    port = _free_port()
    argv = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model)]
    command = [*argv, "--env-manager", "local", "-w", "1", "-h", "127.0.0.1", "-p", str(port)]
    with _running(command, {}, port, "/health", "/invocations") as server:
        yield server


@contextmanager
def bare_server() -> Iterator[Server]:
    """Our web server and its door, with nothing behind them."""
    port = _free_port()
    argv = [sys.executable, "-m", "uvicorn", "benchmarks.speed.endpoint_bare:app"]
    door = ["--lifespan", "off", "--http", "serving.door:Door", "--ws", "none"]
    command = [*argv, *door, "--host", "127.0.0.1", "--port", str(port)]
    with _running(command, {}, port, "/", "/predictions") as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], variables: dict[str, str], port: int, health: str, path: str
) -> Iterator[Server]:
    start = time.perf_counter()
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # uvicorn's
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": tools, **variables}
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        took = _first_answer(process, port, health, start)
        yield Server(port, path, psutil.Process(process.pid), took)
    finally:
        _end(process)


def _first_answer(process: subprocess.Popen[bytes], port: int, path: str, start: float) -> float:
    while time.perf_counter() - start < _START_SECONDS:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return time.perf_counter() - start
        except (OSError, HTTPException):
            pass  # not yet
        finally:
            connection.close()
        time.sleep(_LOOK_SECONDS)
    raise RuntimeError(f"no answer on {path} within {_START_SECONDS:g} s")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The whole group that this module started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_END_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
