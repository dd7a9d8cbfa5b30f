"""A PostgreSQL database: dumped and restored by PostgreSQL's own programs.

The password reaches them in the environment, so that no process list shows it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pipelines.errors import StoreError

ASIDE = "before_restore_"  # schemas of earlier restores begin so; no backup holds them
_ASK_TIMEOUT_S = 120.0
_COPY_TIMEOUT_S = 6 * 3600.0
_TABLES = "select table_name from information_schema.tables where table_schema = 'public'"


def is_postgres(uri: str) -> bool:
    """Whether an address is of PostgreSQL, with or without the name of a driver."""
    return urlsplit(uri).scheme.partition("+")[0] in ("postgresql", "postgres")


def tables(uri: str) -> set[str]:
    """Names of its tables."""
    return {row[0] for row in ask(uri, _TABLES)}


def dump(uri: str, to: Path) -> None:
    """Write its tables as they are at one moment, in pg_dump's custom form."""
    _run(
        "pg_dump",
        uri,
        [
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--exclude-schema={ASIDE}*",
            f"--file={to}",
        ],
    )


def load(uri: str, dumped: Path) -> None:
    """Fill an empty database, whole or not at all."""
    _run(
        "pg_restore",
        uri,
        [
            "--no-owner",
            "--no-privileges",
            "--single-transaction",
            "--exit-on-error",
            f"--dbname={database_name(uri)}",
            str(dumped),
        ],
    )


def set_aside(uri: str, stamp: str) -> str:
    """Move all tables into a schema of their own; its name."""
    name = f"{ASIDE}{stamp}"
    ask(uri, f"begin; alter schema public rename to {name}; create schema public; commit")
    return name


def ask(uri: str, sql: str, **values: str) -> list[list[str]]:
    """Rows of a query; `:'name'` in it stands for a value."""
    named = [part for name, value in values.items() for part in ("-v", f"{name}={value}")]
    out = _run("psql", uri, ["-XqAt", "-F\t", "-v", "ON_ERROR_STOP=1", *named], sql)
    return [line.split("\t") for line in out.splitlines() if line]


def database_name(uri: str) -> str:
    """Of an address."""
    return unquote(urlsplit(uri).path.removeprefix("/"))


def _run(program: str, uri: str, arguments: list[str], script: str | None = None) -> str:
    found, where = shutil.which(program), shown(uri)
    if found is None:
        raise StoreError(
            f"{program} is not installed",
            where=where,
            fix="install PostgreSQL's client of the server's version or newer (Debian: "
            "postgresql-client)",
        )
    limit = _ASK_TIMEOUT_S if program == "psql" else _COPY_TIMEOUT_S
    try:
        done = subprocess.run(
            [found, *arguments],
            env=_environment(uri),
            input=script,
            stdin=None if script is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired as err:
        raise StoreError(
            f"{program} did not end within {limit:.0f} s", where=where, fix="look at the server"
        ) from err
    if done.returncode:
        raise StoreError(
            f"{program} says: {_first_error(done.stderr)}",
            where=where,
            fix="check that the server runs, the address, the user's rights, and that the client "
            "is not older than the server",
        )
    return done.stdout


def _first_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "rror" in line), lines[0] if lines else "nothing")


def shown(uri: str) -> str:
    """An address without its password."""
    at = urlsplit(uri)
    return f"{at.hostname or ''}{f':{at.port}' if at.port else ''}{at.path}"


def _environment(uri: str) -> Mapping[str, str]:
    at = urlsplit(uri)
    given = {
        "PGHOST": at.hostname or "",
        "PGPORT": str(at.port or ""),
        "PGUSER": unquote(at.username or ""),
        "PGPASSWORD": unquote(at.password or ""),
        "PGDATABASE": database_name(uri),
        "PGCONNECT_TIMEOUT": "10",
    }
    asked = {f"PG{name.upper()}": value for name, value in parse_qsl(at.query)}  # sslmode, host
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return kept | {name: value for name, value in (given | asked).items() if value}
