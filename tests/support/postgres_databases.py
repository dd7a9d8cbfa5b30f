"""Databases of a real PostgreSQL, each with an owner that is no superuser."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from support.postgres import SUPERUSER_PASSWORD, postgres_bin
from support.postgres import postgres as server

_OWNER, _PASSWORD = "owner", "loopback-only"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[str], str]]:
    """Makes an empty database and gives its address."""
    programs = postgres_bin()
    if programs is None or not (shutil.which("pg_dump") or (programs / "pg_dump").exists()):
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed: denguard[production]")
    with server(programs) as where:

        def ask(sql: str) -> None:
            asked = ["psql", "-XqU", "denguard", "-d", "postgres", "-c", sql]
            at = {**os.environ, **where, "PGPASSWORD": SUPERUSER_PASSWORD}
            subprocess.run(asked, env=at, check=True, timeout=60)

        def database(name: str) -> str:
            ask(f"create database {name} owner {_OWNER}")
            at = f"{where['PGHOST']}:{where['PGPORT']}"
            return f"postgresql+psycopg2://{_OWNER}:{_PASSWORD}@{at}/{name}"

        ask(f"create role {_OWNER} login password '{_PASSWORD}'")
        yield database
