"""`denguard watch --every` as a process: rounds, figures and health over HTTP, and its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from support.receivers import free_port
from support.run_folders import walk
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.ops.monitor.rounds import Rounds
from pipelines.ops.monitor.settings import watch_settings

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 120.0


@contextmanager
def service(home: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as compose starts it, once it answers; its address."""
    port = free_port()
    command = [sys.executable, "-m", "pipelines.cli", "watch", "--every", "10"]
    environment = {**os.environ, "DENGUARD_HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "--metrics-port", str(port), *arguments],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_healthy(url, process)
        yield process, url
    finally:
        process.kill()
        process.wait()


def _wait_until_healthy(url: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        try:
            if httpx.get(f"{url}/healthz", timeout=10, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the watch did not become healthy")


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_when_it_is_told_to(home: Path, told: signal.Signals) -> None:
    walk(home, "weekly")
    with service(home) as (process, _):
        process.send_signal(told)
        said, logged = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == 0, logged
    assert "told to stop" in logged
    assert "Traceback" not in logged
    assert len(said.splitlines()) == 1, "a line a round"
    assert re.search("forecast 2026-w46-v", said)


def test_figures_and_health_are_served_and_nothing_else(home: Path) -> None:
    walk(home, "weekly")
    with service(home) as (_, url):
        shown = httpx.get(f"{url}/metrics", timeout=30, trust_env=False)
        other = httpx.get(f"{url}/artifacts/audit/audit.jsonl", timeout=30, trust_env=False)
        posted = httpx.post(f"{url}/metrics", timeout=30, trust_env=False)
    assert shown.headers["content-type"].startswith("text/plain; version=")
    assert 'denguard_bulletin_late{line="main"}' in shown.text
    assert 'denguard_watch_rounds_total{end="done"} 1.0' in shown.text
    assert (other.status_code, posted.status_code) == (404, 501)


def test_a_watch_whose_rounds_do_not_end_is_not_healthy(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = Rounds(watch_settings(), 10, 8, None)
    assert not rounds.healthy(), "before the first round"
    rounds.round()
    assert rounds.healthy()
    later = time.monotonic() + 3 * 10 + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not rounds.healthy()


def test_a_round_that_dies_is_counted_and_the_next_one_comes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.ops.monitor import service as loop

    rounds, said = Rounds(watch_settings(), 10, 8, None), list[str]()
    whole = rounds.round
    deaths = iter([MemoryError("no room")])

    def dies_once() -> str:
        for death in deaths:
            raise death
        os.kill(os.getpid(), signal.SIGTERM)  # the end of the test
        return whole()

    monkeypatch.setattr(rounds, "round", dies_once)
    rounds.every_s = 0.01
    loop.serve_rounds(rounds, said.append, "127.0.0.1", None)
    ends = {end: rounds.figures.rounds.labels(end)._value.get() for end in ("failed", "done")}
    assert ends == {"failed": 1, "done": 1}
    assert len(said) == 1


def test_a_taken_port_is_named(home: Path) -> None:
    walk(home, "weekly")
    with service(home) as (_, url):
        command = ["watch", "--every", "10", "--metrics-port", url.rpartition(":")[2]]
        done = CliRunner().invoke(app, command)
    assert "give a port that is free" in str(done.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--metrics-port", "0"],
        ["--every", "60", "--quiet"],
        ["--every", "60", "--now", "2026-11-23T07:00:00+00:00"],
    ],
)
def test_options_that_do_not_go_together_are_refused(home: Path, arguments: list[str]) -> None:
    assert "--every" in str(CliRunner().invoke(app, ["watch", *arguments]).exception)


def test_the_service_loads_nothing_heavy(home: Path) -> None:
    """Its memory counts day and night, among the idle cost of the whole stack."""
    walk(home, "weekly")
    code = (
        "import sys; from pipelines.ops.monitor.rounds import Rounds; import pipelines.cli; "
        "from pipelines.ops.monitor import service; "
        "from pipelines.ops.monitor.settings import watch_settings; "
        "Rounds(watch_settings(), 300, 8, None).round(); "
        "print([m for m in ('torch', 'mlflow', 'pandas', 'numpy', 'httpx', 'pyarrow', 'boto3', "
        "'cryptography') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
