"""`make demo` after installation, ours beside the first version's; minutes, so by hand.

    python -m benchmarks.speed.demo

Each is its committed sources in a folder of their own and a home that is new; both run on the
libraries that are installed here, whose versions both locks share. Its services are stopped after.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.speed.row import Row, timed_row
from benchmarks.speed.side_by_side import Took, wait_until_quiet
from benchmarks.speed.week import FIRST_VERSION, sources_of

GOAL = 0.6
_SECONDS = 3600.0  # at most


def row() -> Row:
    """One round: the order is the first version's, then ours."""
    with tempfile.TemporaryDirectory(prefix="denguard-demo-") as work:
        theirs = demo(FIRST_VERSION, Path(work) / "theirs")
        ours = demo("HEAD", Path(work) / "ours")
    return timed_row(
        "make demo after installation: services, a first run, an unchanged one",
        [ours],
        [theirs],
        rival_is=f"the first version ({FIRST_VERSION})",
        goal=GOAL,
        slower=True,
        goal_is="at most",
        note="one round; processor seconds are the whole machine's",
    )


def demo(commit: str, folder: Path) -> Took:
    """Run a commit's demo, then stop what it started.

    Raises:
        SystemExit: it did not end well.
    """
    sources, home = sources_of(commit, folder / "sources"), folder / "home"
    home.mkdir()
    said = folder / "demo.log"
    wait_until_quiet()
    wall, cpu = time.perf_counter(), _machine_cpu()
    with said.open("w", encoding="utf-8") as out:
        status = _denguard("demo", sources, home, out.fileno())
    took = Took(time.perf_counter() - wall, _machine_cpu() - cpu)
    _denguard("down", sources, home, subprocess.DEVNULL)
    if status:
        raise SystemExit(f"the demo of {commit}:\n{said.read_text(encoding='utf-8')[-3000:]}")
    return took


def _denguard(command: str, sources: Path, home: Path, out: int) -> int:
    others = ("AIRFLOW", "MLFLOW_", "DENGUARD_")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(others)},
        "DENGUARD_HOME": str(home),
        "PYTHONPATH": str(sources),
    }
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", command],
        env=environment,
        cwd=sources,
        stdout=out,
        stderr=subprocess.STDOUT,
        timeout=_SECONDS,
        check=False,
    ).returncode


def _machine_cpu() -> float:
    used = psutil.cpu_times()
    return used.user + used.nice + used.system


if __name__ == "__main__":
    sys.stdout.write(json.dumps(row().to_json(), indent=1) + "\n")
