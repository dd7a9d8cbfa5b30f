"""A PostgreSQL server of a test session's own: on loopback, in a folder that goes afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_PASSWORD = "loopback-only"
_DEBIAN = "/usr/lib/postgresql/*/bin"


def _program(name: str) -> str | None:
    beside = sorted(Path("/").glob(f"{_DEBIAN[1:]}/{name}"))
    return shutil.which(name) or (str(beside[-1]) if beside else None)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[str], str]]:
    """Makes an empty database and gives its address; its owner is no superuser."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or pg_ctl is None or _program("pg_dump") is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed: denguard[production]")
    folder = Path(tempfile.mkdtemp(prefix="postgres"))
    user = "nobody" if os.geteuid() == 0 else None  # a server refuses to run as root
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)

    def run(*command: str) -> None:
        subprocess.run(
            command, user=user, cwd=folder, check=True, timeout=120, stdout=subprocess.DEVNULL
        )

    port, data = _free_port(), folder / "data"
    secret = folder / "password"
    secret.write_text(_PASSWORD)
    secret.chmod(0o644)
    own = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    )
    run(initdb, "-D", str(data), "-U", "super", "-A", "scram-sha-256", f"--pwfile={secret}")
    run(pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", own, "start")
    made: list[str] = []

    def ask(sql: str) -> None:
        at = {"PGPASSWORD": _PASSWORD, "PGHOST": "127.0.0.1", "PGPORT": str(port)}
        asked = ["psql", "-XqU", "super", "-d", "postgres", "-c", sql]
        subprocess.run(asked, env={**os.environ, **at}, check=True, timeout=60)

    def database(name: str) -> str:
        if not made:
            ask(f"create role denguard login password '{_PASSWORD}'")
        made.append(name)
        ask(f"create database {name} owner denguard")
        return f"postgresql+psycopg2://denguard:{_PASSWORD}@127.0.0.1:{port}/{name}"

    try:
        yield database
    finally:
        run(pg_ctl, "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder)
