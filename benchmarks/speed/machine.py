"""What the figures of `make bench` were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.speed.row import Row

_LIBRARIES = ("torch", "numpy", "scikit-learn", "lightgbm", "pyarrow", "onnxruntime", "openvino")
_SPEEDS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")
_GIB = 2**30


@dataclass(frozen=True)
class Machine:
    """Attributes:
    speeds: instruction sets of the processor that the work can use.
    load_before, load_after: of one minute; after is our own.
    others: module -> share of all cores that processes outside the bench used meanwhile.
    """

    processor: str
    cores: int
    memory_gib: float
    system: str
    speeds: tuple[str, ...]
    versions: Mapping[str, str]
    code: str
    when: str
    load_before: float
    load_after: float
    seconds: float
    others: Mapping[str, float]

    def to_json(self) -> dict[str, object]:
        """A row like the others, with what it is in `machine`."""
        row = Row("this machine", "cores", self.cores, limit=f"{self.memory_gib:.0f} GiB of memory")
        return {**row.to_json(), "machine": asdict(self)}


def this_machine(load_before: float, seconds: float, others: Mapping[str, float]) -> Machine:
    """Read now."""
    return Machine(
        _processor(),
        os.cpu_count() or 1,
        round(psutil.virtual_memory().total / _GIB, 1),
        platform.platform(),
        tuple(name for name in _SPEEDS if name in _words_of("flags")),
        {"python": platform.python_version(), **_versions()},
        _said_by(["git", "rev-parse", "--short", "HEAD"]),
        datetime.now(UTC).isoformat(timespec="seconds"),
        load_before,
        os.getloadavg()[0],
        round(seconds, 1),
        others,
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    return " ".join(_words_of("model name")) or platform.processor() or "unknown"


def _words_of(field: str) -> list[str]:
    """Of the first core, as Linux describes it; none elsewhere."""
    described = Path("/proc/cpuinfo")
    for line in described.read_text().splitlines() if described.is_file() else ():
        if line.startswith(field):
            return line.partition(":")[2].split()
    return []


def _said_by(command: Sequence[str]) -> str:
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return said.stdout.strip()
