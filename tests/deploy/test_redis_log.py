"""The broker's own start script: what was written in a transaction is there after a restart."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "redis" / "redis.sh"
PASSWORD = "a-password-of-thirty-two-letters"
SERVER, CLIENT = shutil.which("redis-server"), shutil.which("redis-cli")
pytestmark = pytest.mark.skipif(
    SERVER is None or CLIENT is None,
    reason="there is no Redis: apt-get install redis-server redis-tools",
)


@contextmanager
def running(folder: Path) -> Iterator[Path]:
    """A server by the script, its folders under this one and no port; gives its socket."""
    for name in ("secrets", "run", "data"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "secrets" / "redis_password").write_text(PASSWORD)
    door = folder / "door"
    text = SCRIPT.read_text(encoding="utf-8").replace("/run/secrets", str(folder / "secrets"))
    text = text.replace("/run/redis", str(folder / "run")).replace(
        "dir /data", f"dir {folder}/data"
    )
    text = text.replace("protected-mode no", f"port 0\nunixsocket {door}")
    server = subprocess.Popen(["sh", "-c", text], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while not door.exists():
            assert server.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        yield door
    finally:
        server.terminate()
        server.wait(30)


def ask(door: Path, *words: str, user: str = "airflow", said: str = "") -> str:
    argv = [CLIENT or "", "-s", str(door), "--no-auth-warning"]
    argv += ["--user", user, "--pass", PASSWORD] if user else []
    done = subprocess.run(
        [*argv, *words], input=said, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return done.stdout.strip()


def test_what_was_written_in_a_transaction_outlives_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as door:
        ask(door, said="MULTI\nHSET unacked 1 task\nZADD index 1 task\nEXEC\nLPUSH queue other\n")
    with running(tmp_path) as door:
        assert (ask(door, "HLEN", "unacked"), ask(door, "LLEN", "queue")) == ("1", "1")


def test_nobody_is_let_in_without_the_applications_password(tmp_path: Path) -> None:
    with running(tmp_path) as door:
        assert "NOAUTH" in ask(door, "PING", user="")
        assert "PONG" not in ask(door, "PING", user="default")
        assert ask(door, "PING") == "PONG"
