"""What a stack costs while nothing is to be done, by the engine's own accounts."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from support.stack.engine import FaultyStack, Stack

# Seconds of processor since the container began: cgroup v1 counts nanoseconds, v2 microseconds.
_USED = (
    "if [ -r /sys/fs/cgroup/cpuacct/cpuacct.usage ];"
    " then cat /sys/fs/cgroup/cpuacct/cpuacct.usage; else"
    " while read -r name count; do [ $name = usage_usec ] && echo ${count}000; done"
    " < /sys/fs/cgroup/cpu.stat; fi"
)
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


def cost(stack: Stack, services: Sequence[str], seconds: float) -> dict[str, Cost]:
    """Of each service over some time in which nothing is asked of it."""
    before = {name: _used_s(stack, name) for name in services}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return {
        name: Cost((_used_s(stack, name) - before[name]) / took, _memory_mib(stack, name))
        for name in services
    }


def _used_s(stack: Stack, service: str) -> float:
    return int(stack.execute(service, "/bin/sh", "-c", _USED)) / 1e9


def _memory_mib(stack: Stack, service: str) -> float:
    form = ("stats", "--no-stream", "--format", "{{.MemUsage}}")
    said = stack.docker(*form, stack.container(service))
    found = re.match(r"([\d.]+)(KiB|MiB|GiB|B)", said.strip())
    if found is None:
        raise FaultyStack(f"docker stats of {service} says {said!r}")
    return float(found[1]) * _SIZES[found[2]]
