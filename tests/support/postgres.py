"""A real PostgreSQL on loopback with passwords checked by SCRAM, if the machine has one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.edge import free_port

SUPERUSER_PASSWORD = "of-the-superuser-0123"


def postgres_bin() -> Path | None:
    """Folder of initdb and postgres: DENGUARD_POSTGRES_BIN, else the newest of Debian's."""
    named = os.environ.get("DENGUARD_POSTGRES_BIN")
    found = [Path(named)] if named else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    usable = [path for path in found if (path / "initdb").exists()]
    return usable[-1] if usable and shutil.which("psql") else None


@contextmanager
def postgres(bin_folder: Path) -> Iterator[dict[str, str]]:
    """Variables by which psql finds it; its superuser is denguard. It refuses to run as root, so it
    runs as nobody there."""
    folder = Path(tempfile.mkdtemp(prefix="denguard-pg-"))
    user = "nobody" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user)
    port, password = free_port(), folder / "password"
    password.write_text(SUPERUSER_PASSWORD)
    password.chmod(0o644)
    made = ["-D", str(folder / "data"), "-U", "denguard", "--pwfile", str(password), "--no-sync"]
    subprocess.run(
        [str(bin_folder / "initdb"), *made, "--auth", "scram-sha-256"],
        check=True,
        capture_output=True,
        user=user,
        cwd=folder,
    )
    server = subprocess.Popen(
        [
            str(bin_folder / "postgres"),
            "-D",
            str(folder / "data"),
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
            "-k",
            str(folder),
            "-c",
            "log_statement=all",
        ],
        user=user,
        cwd=folder,
        stderr=(folder / "log").open("wb"),
    )
    where = {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PG_LOG": str(folder / "log")}
    try:
        end = time.monotonic() + 120
        while not logs_in(where, "denguard", SUPERUSER_PASSWORD):
            assert server.poll() is None and time.monotonic() < end, "PostgreSQL did not come up"
            time.sleep(0.1)
        yield where
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder)


def logs_in(where: dict[str, str], role: str, password: str, statement: str = "select 1") -> bool:
    """Whether a role may log in with a password and run a statement."""
    return (
        subprocess.run(
            ["psql", "--no-psqlrc", "--no-password", "-U", role, "-d", "postgres", "-c", statement],
            env={**os.environ, **where, "PGPASSWORD": password},
            capture_output=True,
            timeout=60,
        ).returncode
        == 0
    )
