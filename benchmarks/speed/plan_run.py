"""A first run of a profile in an empty home, step by step: `python -m benchmarks.speed.plan_run
PROFILE HOME`, a JSON line a step: seconds, peak of memory and growth of the home in bytes."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.speed.scale_child import peak_bytes
from benchmarks.speed.side_by_side import took


def run(profile: str, home: Path) -> Iterator[dict[str, object]]:
    """Start a run and execute its steps in this process, as `denguard run` does."""
    from pipelines import steps
    from pipelines.steps.runner import STEPS

    steps.start("first", {"profile": profile})
    for name, step in STEPS.items():
        before = bytes_below(home)
        spent = took(_once(step))
        grown = bytes_below(home) - before
        yield {"step": name, **asdict(spent), "peak_bytes": peak_bytes(), "disk_bytes": grown}


def _once(step: Callable[[str], object]) -> Callable[[], object]:
    return partial(step, "first")


def bytes_below(folder: Path) -> int:
    """Of files on the disk; one with several names counts once."""
    seen = {(s.st_dev, s.st_ino): s.st_blocks * 512 for s in _stats(folder)}
    return sum(seen.values())


def _stats(folder: Path) -> Iterator[os.stat_result]:
    return (path.lstat() for path in folder.rglob("*") if path.is_file())


def main(profile: str, home: str) -> None:
    """Print what each step took as it ends."""
    os.environ["DENGUARD_HOME"] = home
    logging.disable(logging.INFO)
    for step in run(profile, Path(home)):
        sys.stdout.write(json.dumps(step) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
