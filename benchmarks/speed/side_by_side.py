"""Two ways of the same work timed in turn, on a machine that nothing else uses."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

MOST_BUSY = 0.05  # share of all cores that others may use
_LOOK_SECONDS = 2.0
_WAIT_SECONDS = 120.0


class BusyMachine(RuntimeError):
    """Others use the processor: any ratio from here would be wrong."""


@dataclass(frozen=True)
class Took:
    """Seconds of one round: on the clock, and of processor in this process and ended children."""

    wall: float
    cpu: float


def side_by_side(
    ours: Callable[[], object], rival: Callable[[], object], rounds: int = 5, warm: bool = True
) -> tuple[list[Took], list[Took]]:
    """Both, in turn, `rounds` times each; the order changes every round.

    Args:
        warm: run each once before, unmeasured.

    Raises:
        BusyMachine: others use more than MOST_BUSY of the machine.
    """
    if warm:
        ours()
        rival()
    own: list[Took] = []
    other: list[Took] = []
    for number in range(rounds):
        wait_until_quiet()
        turns = [(ours, own), (rival, other)]
        for work, into in turns if number % 2 == 0 else reversed(turns):
            into.append(took(work))
    return own, other


def took(work: Callable[[], object]) -> Took:
    """Run once."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    work()
    return Took(time.perf_counter() - wall, cpu_seconds() - cpu)


def share_in_use() -> float:
    """Share of all cores that is used, over two seconds in which this process sleeps."""
    return float(psutil.cpu_percent(interval=_LOOK_SECONDS)) / 100


def wait_until_quiet(
    seconds: float = _WAIT_SECONDS, reading: Callable[[], float] = share_in_use
) -> None:
    """Return once others use next to nothing.

    Raises:
        BusyMachine: they still do after `seconds`.
    """
    until = time.monotonic() + seconds
    while (busy := reading()) > MOST_BUSY:
        if time.monotonic() > until:
            raise BusyMachine(
                f"others use {busy:.0%} of the processor, {MOST_BUSY:.0%} is allowed: stop them, "
                "then run `make bench` again"
            )


def cpu_seconds() -> float:
    """Of all cores, in this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
