"""What a stack costs while nothing is to be done, by the engine's own accounts."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.stack.engine import FaultyStack, Stack

# Seconds of processor since the container began: cgroup v1 counts nanoseconds, v2 microseconds.
_USED = (
    "if [ -r /sys/fs/cgroup/cpuacct/cpuacct.usage ];"
    " then cat /sys/fs/cgroup/cpuacct/cpuacct.usage; else"
    " while read -r name count; do [ $name = usage_usec ] && echo ${count}000; done"
    " < /sys/fs/cgroup/cpu.stat; fi"
)
# The engine's processes; what it began in containers for health checks is theirs, once ended.
_ENGINE = {"dockerd", "containerd", "containerd-shim"}
_SIZES = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0, "B": 0.0}


@dataclass(frozen=True)
class Cost:
    """Of one service.

    Attributes:
        core: share of one core, 0.05 = 5 %.
        memory_mib: resident, as the engine counts it.
    """

    core: float
    memory_mib: float


def cost(
    stack: Stack, services: Sequence[str], seconds: float
) -> tuple[dict[str, Cost], float | None]:
    """Of each service over some time in which nothing is asked of it, and the share of the engine.

    None for the engine where its processes are not seen, as on another machine.
    """
    before = {name: _used_s(stack, name) for name in services}
    engine_before = list(_engine_s())
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    engine = (sum(_engine_s()) - sum(engine_before)) / took if engine_before else None
    found = {
        name: Cost((_used_s(stack, name) - before[name]) / took, _memory_mib(stack, name))
        for name in services
    }
    return found, engine


def _engine_s() -> Iterator[float]:
    """Seconds of processor of each of the engine's processes, with those of its ended children."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            shown = (folder / "stat").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        name, fields = shown[shown.index("(") + 1 : shown.rindex(")")], shown.rpartition(")")[2]
        if name in _ENGINE:
            yield sum(map(int, fields.split()[11:15])) / os.sysconf("SC_CLK_TCK")


def _used_s(stack: Stack, service: str) -> float:
    return int(stack.execute(service, "/bin/sh", "-c", _USED)) / 1e9


def _memory_mib(stack: Stack, service: str) -> float:
    form = ("stats", "--no-stream", "--format", "{{.MemUsage}}")
    said = stack.docker(*form, stack.container(service))
    found = re.match(r"([\d.]+)(KiB|MiB|GiB|B)", said.strip())
    if found is None:
        raise FaultyStack(f"docker stats of {service} says {said!r}")
    return float(found[1]) * _SIZES[found[2]]
