"""`make lock`: resolve all extras anew and rewrite requirements.lock, one line a distribution.

A line is `name==version --hash=sha256:... # extras`: pip checks the hashes, and a set of extras is
the lines that name one of them (the Makefile and both Dockerfiles pick them with grep). Installs
nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import ServiceError
from pipelines.storage import write_atomic

EXTRAS = (
    "serving",
    "heads",
    "encoders",
    "multilingual",
    "fast",
    "pipeline",
    "study",
    "s3",
    "scenes",
    "demo",
    "production",
    "dev",
    "llama",
    "docs",
    "build",
)
GPU_ONLY = re.compile(r"^(nvidia-|cuda-|triton$)")  # what torch asks for unless it is the CPU build
GPU_SET = "cuda"
TWO_BUILDS = ("torch", "torchvision")
_RESOLVE_TIMEOUT_S = 3600
_LINE = re.compile(r"(?P<name>[\w.-]+)==(?P<version>\S+)(?P<hashes>(?: --hash=\S+)*)(?: +#.*)?")


@dataclass(frozen=True)
class Pin:
    """One distribution at one version.

    Attributes:
        hashes: `sha256:...` of every file of this version that may be installed.
    """

    version: str
    hashes: frozenset[str]


Pins = Mapping[str, Pin]


def parse(text: str) -> dict[str, Pin]:
    """Name -> pin, of a requirements file with or without continuation lines.

    The local part of a version (`+cpu`) is left out, so that either build fits.
    """
    lines = text.replace("\\\n", " ").splitlines()
    found = [_LINE.fullmatch(" ".join(line.split())) for line in lines]
    return {
        m["name"]: Pin(
            m["version"].split("+")[0], frozenset(re.findall(r"sha256:\w+", m["hashes"]))
        )
        for m in found
        if m
    }


def with_other_builds(pins: Pins, others: Iterable[Pins]) -> dict[str, Pin]:
    """Pins that also accept torch's other builds of the same version."""
    merged = dict(pins)
    for name in TWO_BUILDS:
        mine = merged[name]
        same = [o[name].hashes for o in others if name in o and o[name].version == mine.version]
        merged[name] = Pin(mine.version, mine.hashes.union(*same))
    return merged


def lock_text(before: str, pins: Pins, extras: Mapping[str, Iterable[str]]) -> str:
    """The lock file with its opening comment kept.

    Args:
        extras: extra -> names that it needs.
    """
    comment = [line for line in before.splitlines() if line.startswith("#")]
    lines = [
        _line(name, pins[name], _sets_of(name, extras)) for name in sorted(pins, key=str.lower)
    ]
    return "\n".join([*comment, *lines]) + "\n"


def _line(name: str, pin: Pin, sets: list[str]) -> str:
    hashes = "".join(f" --hash={sha}" for sha in sorted(pin.hashes))
    return f"{name}=={pin.version}{hashes} # {' '.join(sets)}"


def _sets_of(name: str, extras: Mapping[str, Iterable[str]]) -> list[str]:
    if GPU_ONLY.match(name):
        return [GPU_SET]
    return [extra for extra, names in extras.items() if name in set(names)]


def resolve(before: str, keep: bool) -> tuple[dict[str, Pin], dict[str, list[str]]]:
    """Everything that all extras need, as uv resolves it today, and what each of them needs.

    Args:
        keep: what is locked already stays at its version; only what is new is looked for.

    Raises:
        ServiceError: no set fits, or an index could not be reached.
    """
    everything = [option for extra in EXTRAS for option in ("--extra", extra)]
    kept = _versions(parse(before)) if keep else ""
    resolved = _uv("pyproject.toml", *everything, "--generate-hashes", "-c", "-", given=kept)
    pins = with_other_builds(parse(resolved), [parse(before), _cpu_builds(parse(resolved))])
    fixed = _versions(pins)
    needs = {
        extra: sorted(parse(_uv("pyproject.toml", "--extra", extra, "-c", "-", given=fixed)))
        for extra in EXTRAS
    }
    return pins, needs


def _versions(pins: Pins) -> str:
    return "".join(f"{name}=={pin.version}\n" for name, pin in pins.items())


def _cpu_builds(pins: Pins) -> dict[str, Pin]:
    """Torch's CPU builds, where an index or a folder of them is named."""
    index, folder = os.environ.get("TORCH_INDEX"), os.environ.get("PIP_FIND_LINKS")
    where = ["--extra-index-url", index, "--index-strategy", "unsafe-best-match"] if index else []
    where += ["--find-links", folder] if folder else []
    asked = "".join(f"{name}=={pins[name].version}\n" for name in TWO_BUILDS)
    return parse(_uv("-", "--no-deps", "--generate-hashes", *where, given=asked)) if where else {}


def _uv(*options: str, given: str = "") -> str:
    argv = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--no-header",
        "--no-annotate",
        "--python-version",
        "3.11",
        *options,
    ]
    done = subprocess.run(
        argv, input=given, capture_output=True, text=True, timeout=_RESOLVE_TIMEOUT_S, check=False
    )
    if done.returncode:
        raise ServiceError(
            f"uv resolved nothing: {done.stderr.strip()[-500:]}",
            where=" ".join(options),
            fix="read uv's words; a bound in pyproject.toml may have to move",
        )
    return done.stdout


if __name__ == "__main__":
    lock = Path("requirements.lock")
    old = lock.read_text(encoding="utf-8")
    write_atomic(lock, lock_text(old, *resolve(old, keep="--keep" in sys.argv)))
