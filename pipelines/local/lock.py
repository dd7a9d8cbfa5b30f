"""`make lock`: resolve all extras anew and rewrite requirements.lock.

Belongs here: turning pip's own resolution into the lock file. Installs nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pipelines.errors import ServiceError
from pipelines.storage import write_atomic

ALL = ".[production,dev,llama]"
_RESOLVE_TIMEOUT_S = 3600
_NOT_LOCKED = {"denguard"}


def resolve() -> dict[str, str]:
    """Distribution -> version of everything that all extras need, as pip resolves it today.

    Raises:
        ServiceError: pip found no set that fits, or could not reach its index.
    """
    argv = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-", ALL]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_RESOLVE_TIMEOUT_S, check=False)  # fmt: skip
    if done.returncode:
        raise ServiceError(f"pip resolved nothing: {done.stderr.strip()[-500:]}", where=ALL, fix="read pip's words; a bound in pyproject.toml may have to move")  # fmt: skip
    found = [entry["metadata"] for entry in json.loads(done.stdout)["install"]]
    return {e["name"]: e["version"] for e in found if e["name"] not in _NOT_LOCKED}


def lock_text(before: str, versions: dict[str, str]) -> str:
    """The lock file with its opening comment kept; local parts such as +cpu are left out."""
    comment = [line for line in before.splitlines() if line.startswith("#")]
    pins = [f"{name}=={versions[name].split('+')[0]}" for name in sorted(versions, key=str.lower)]
    return "\n".join([*comment, *pins]) + "\n"


if __name__ == "__main__":
    lock = Path("requirements.lock")
    write_atomic(lock, lock_text(lock.read_text(encoding="utf-8"), resolve()))
