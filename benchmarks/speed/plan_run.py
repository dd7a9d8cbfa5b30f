"""A first run of a profile in an empty home, step by step: `python -m benchmarks.speed.plan_run
PROFILE HOME`, one JSON line: step -> seconds, peak of memory in bytes and growth of the home."""

from __future__ import annotations

import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.speed.scale_child import peak_bytes
from benchmarks.speed.side_by_side import took


def run(profile: str, home: Path) -> dict[str, dict[str, float]]:
    """Start a run and execute its steps in this process, as `denguard run` does."""
    from pipelines import steps
    from pipelines.steps.runner import STEPS

    steps.start("first", {"profile": profile})
    found = {}
    for name, step in STEPS.items():
        before = _bytes_below(home)
        spent = took(lambda step=step: step("first"))  # type: ignore[misc]  # a step is called at once
        grown = _bytes_below(home) - before
        found[name] = {**asdict(spent), "peak_bytes": peak_bytes(), "disk_bytes": grown}
    return found


def _bytes_below(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def main(profile: str, home: str) -> None:
    """Print what each step took."""
    os.environ["DENGUARD_HOME"] = home
    logging.disable(logging.INFO)
    sys.stdout.write(json.dumps(run(profile, Path(home))) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
