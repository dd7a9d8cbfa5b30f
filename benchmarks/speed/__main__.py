"""`python -m benchmarks.speed [NAMES] [--into FILE]`, or `make bench`: all rows, under 15 minutes.

Ends with 0 when every goal is met, 1 when one is missed, 3 when others use the machine: then
nothing is reported.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks.speed.child import BUSY, MEASURED, JsonRow, rows_of
from benchmarks.speed.machine import this_machine
from benchmarks.speed.side_by_side import (
    BusyMachine,
    cpu_seconds,
    share_in_use,
    wait_until_quiet,
)
from benchmarks.speed.table import table
from pipelines.storage import write_json

LATEST = Path(__file__).parents[1] / "results" / "latest.json"
# Each has rows() and is a file of this folder. Together they have fifteen minutes.
MODULES = ("sweep", "encoders", "week", "endpoint", "scale", "plan", "language")
_ALL_SECONDS = 14.9 * 60
_MODULE_SECONDS = 240.0
_WAIT_SECONDS = 60.0


def main(
    arguments: Sequence[str] | None = None, reading: Callable[[], float] = share_in_use
) -> int:
    """Exit status.

    Args:
        reading: share of all cores in use, 0 to 1.
    """
    asked = _asked(arguments)
    console = Console()
    try:
        wait_until_quiet(_WAIT_SECONDS, reading)
        rows = _measure(asked.names or MODULES, console)
    except BusyMachine as busy:
        console.print(f"nothing is reported: {busy}")
        return BUSY
    write_json(asked.into, rows)
    console.print(table(rows))
    missed = [row["work"] for row in rows if row["met"] is False]
    console.print(f"{asked.into}: {len(rows)} rows, missed: {missed or 'none'}")
    return 1 if missed else 0


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(MODULES)}; all unless said"
    )
    parser.add_argument("--into", type=Path, default=LATEST, help="another file than latest.json")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(MODULES):
        parser.error(f"no module {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}")
    return asked


def _measure(names: Sequence[str], console: Console) -> list[JsonRow]:
    start, load_before = time.monotonic(), os.getloadavg()[0]
    found = rows_of("limits", _MODULE_SECONDS)
    others: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="denguard-bench-") as folder:
        os.environ[MEASURED] = str(write_json(Path(folder) / "limits.json", found))
        for name in names:
            left = _ALL_SECONDS - (time.monotonic() - start)
            console.print(f"{name} ...")
            rows, others[name] = _beside_others(name, min(left, _MODULE_SECONDS))
            found += rows
    return [this_machine(load_before, time.monotonic() - start, others).to_json(), *found]


def _beside_others(name: str, seconds: float) -> tuple[list[JsonRow], float]:
    """Rows of a module, and the share of all cores that others used meanwhile."""
    start, own, every = time.monotonic(), cpu_seconds(), _used_by_all()
    rows = rows_of(name, seconds)
    taken = (_used_by_all() - every) - (cpu_seconds() - own)
    cores = os.cpu_count() or 1
    return rows, round(max(0.0, taken) / cores / (time.monotonic() - start), 3)


def _used_by_all() -> float:
    used = psutil.cpu_times()
    return float(sum(used) - used.idle - used.iowait - used.guest - used.guest_nice)


if __name__ == "__main__":
    sys.exit(main())
