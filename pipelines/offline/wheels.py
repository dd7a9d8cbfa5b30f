"""Wheels of an offline folder: downloaded by the hashes of the lock, each named by its own hash."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from pipelines.errors import ConfigError, StoreError
from pipelines.offline.contents import LOCK, WHEELS
from pipelines.storage import sha256_file, write_atomic

PROJECT_NAME = "denguard"
_TIMEOUT_S = 7200.0
_ALWAYS = "build"  # what builds the project's own wheel
_TORCH, _CUDA = "torch==", "cuda"  # extra of the lock: what torch's default build needs on Linux
_ABSENT = "No matching distribution"


def locked_lines(lock: Path, extras: Collection[str]) -> list[str]:
    """Lines of the lock that these extras need, with their hashes."""
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line]
    named = {line: set(line.rpartition("#")[2].split()) for line in lines}
    known = set().union(*named.values()) if named else set()
    if unknown := set(extras) - known:
        raise ConfigError(
            f"requirements.lock has no line for {', '.join(sorted(unknown))}",
            where=str(lock),
            fix="name extras of pyproject.toml, such as production or serving",
        )
    wanted = {*extras, _ALWAYS}
    return [line.rpartition("#")[0].strip() for line in lines if named[line] & wanted]


def download(folder: Path, lock: Path, extras: Collection[str], urls: Collection[str]) -> None:
    """Wheels of these extras; what comes as source only is built here, since a server has no
    compiler.

    Args:
        urls: further package indexes.

    Raises:
        ConfigError: the lock has no such extra.
        StoreError: a download failed; what was downloaded is kept.
    """
    wheels = folder / WHEELS
    wheels.mkdir(parents=True, exist_ok=True)
    lines = locked_lines(lock, extras)
    torch = [line for line in lines if line.startswith(_TORCH)]
    if torch and sys.platform == "linux":
        if _cpu_build(wheels, torch[0], urls):
            lines.remove(torch[0])
        else:
            lines = locked_lines(lock, {*extras, _CUDA})
    _fetch(wheels, lines, urls)
    for source in sorted((*wheels.glob("*.tar.gz"), *wheels.glob("*.zip"))):
        pip(["wheel", "-q", "--no-deps", "--wheel-dir", str(wheels), str(source)])
        source.unlink()


def _cpu_build(wheels: Path, line: str, urls: Collection[str]) -> bool:
    """Whether an index has torch's CPU build, which is asked for by its own version: of two builds
    that both fit, pip takes the one whose hash its index tells."""
    version, _, hashes = line.removeprefix(_TORCH).partition(" ")
    try:
        _fetch(wheels, [f"{_TORCH}{version}+cpu {hashes}"], urls)
    except StoreError as err:
        if _ABSENT in str(err):
            return False
        raise
    for other in wheels.glob(f"torch-{version}-*.whl"):
        other.unlink()  # of a call without that index
    return True


def _fetch(wheels: Path, lines: list[str], urls: Collection[str]) -> None:
    wanted = wheels.parent / f".{LOCK}"
    wanted.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    further = [part for url in urls for part in ("--extra-index-url", url)]
    asked = ["--no-deps", "--require-hashes", "--dest", str(wheels), *further, "-r", str(wanted)]
    try:
        pip(["download", "-q", *asked])
    finally:
        wanted.unlink()


def name_wheels(folder: Path) -> None:
    """Name every wheel with its own hash: what was built here has one that no index knows."""
    lines = []
    for wheel in sorted((folder / WHEELS).glob("*.whl")):
        name, version, *_ = wheel.name.split("-")
        if name != PROJECT_NAME:
            lines.append(f"{name}=={version} --hash=sha256:{sha256_file(wheel)}\n")
    write_atomic(folder / LOCK, "".join(lines))


def pip(arguments: list[str]) -> None:
    """Run this environment's pip; StoreError if it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    run(command, f"pip {arguments[0]} failed")


def run(command: list[str], what: str) -> None:
    """Run a command; StoreError, which begins with `what`, if it fails or does not end."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise StoreError(f"{what}: {err}", where=command[0], fix="see what is missing") from err
    if done.returncode:
        said = re.sub(r"\s+", " ", done.stderr.strip() or done.stdout.strip())[-600:]
        raise StoreError(
            f"{what}: {said}",
            where=" ".join(command[:4]),
            fix="run it again when that is mended; what was downloaded is kept",
        )
