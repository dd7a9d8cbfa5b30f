"""Two workers in one container: each scrape meets one of them and tells of both."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

pytestmark = pytest.mark.timeout(240)
_COUNTED = re.compile(r'denguard_requests_total\{route="/health/live",status="200"\} (\S+)')
_READY = re.compile(r"^denguard_ready (\S+)", re.MULTILINE)
_WAIT_S = 120


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _asked(url: str) -> httpx.Response:
    """On a connection of its own, so that either worker may answer."""
    return httpx.get(url, headers={"Connection": "close"}, timeout=60)


def _pids(folder: Path) -> set[int]:
    return {int(path.stem.rpartition("_")[2]) for path in folder.glob("counter_*.db")}


@pytest.fixture
def workers(home: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Address and shared folder of an endpoint with two workers and no champion."""
    folder, port = tmp_path / "shared", _port()
    folder.mkdir()
    command = ["uvicorn", "--factory", "serving.app:create_app", "--http", "serving.door:Door"]
    environment = {
        **os.environ,
        "DENGUARD_HOME": str(home),
        "DENGUARD_API_KEY_SHA256": hashlib.sha256(b"k").hexdigest(),
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
    }
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            *command,
            "--port",
            str(port),
            "--workers",
            "2",
            "--no-access-log",
            "--log-level",
            "error",
        ],
        env=environment,
        start_new_session=True,
    )
    try:
        _until_up(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}", folder
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)


def _until_up(url: str) -> None:
    end = time.monotonic() + _WAIT_S
    while True:
        assert time.monotonic() < end, "the endpoint did not come up"
        with suppress(httpx.TransportError):
            _asked(f"{url}/model")
            return
        time.sleep(0.05)


def _ask_both(url: str, folder: Path) -> int:
    """Ask until two workers have answered; how many answers came."""
    end, count = time.monotonic() + _WAIT_S, 0
    while sum(b"/health/live" in path.read_bytes() for path in folder.glob("counter_*.db")) < 2:
        assert time.monotonic() < end, "one worker answers alone"
        with ThreadPoolExecutor(8) as many:
            answers = list(many.map(_asked, [f"{url}/health/live"] * 16))
        assert {answer.status_code for answer in answers} == {200}
        count += len(answers)
    return count


def test_every_scrape_tells_of_both_workers_and_of_one_that_was_killed(
    workers: tuple[str, Path],
) -> None:
    url, folder = workers
    asked = _ask_both(url, folder)
    scrapes = [_asked(f"{url}/metrics").text for _ in range(20)]
    assert {float(_COUNTED.findall(text)[0]) for text in scrapes} == {asked}
    assert {_READY.findall(text)[0] for text in scrapes} == {"0.0"}  # one gauge, not one a worker

    victim = min(_pids(folder))
    os.kill(victim, signal.SIGKILL)
    while psutil.pid_exists(victim) and psutil.Process(victim).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.05)
    while victim in _gauges(folder, url):
        time.sleep(0.05)
    after = _asked(f"{url}/metrics").text
    assert float(_COUNTED.findall(after)[0]) == asked


def _gauges(folder: Path, url: str) -> set[int]:
    """Of which processes gauges are kept after a scrape."""
    with suppress(httpx.TransportError):
        _asked(f"{url}/metrics")
    return {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*_*.db")}
