"""`denguard plan` beside the run that follows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.speed.plan_reference import Steps, run_once
from benchmarks.speed.plan_run import bytes_below
from benchmarks.speed.row import Row
from benchmarks.speed.side_by_side import wait_until_quiet

PROFILE = "ci"
FURTHEST, MOST_SECONDS = 1.3, 30.0
_PLAN_SECONDS = 120.0
Planned = Mapping[str, object]


def rows() -> list[Row]:
    """How far the plan is off, and how long it took to make."""
    with tempfile.TemporaryDirectory(prefix="denguard-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        wait_until_quiet()
        planned = _plan(home)
        left = bytes_below(home)  # networks that were converted to be measured
        wait_until_quiet()
        run = run_once(PROFILE, home)
    return [_time(planned, run), *_room(planned, run, left), _measuring(planned)]


def _plan(home: Path) -> Planned:
    command = [sys.executable, "-W", "ignore", "-m", "pipelines.cli", "plan", PROFILE, "--json"]
    here = {**os.environ, "DENGUARD_HOME": str(home)}
    said = subprocess.run(
        command, timeout=_PLAN_SECONDS, check=True, stdout=subprocess.PIPE, text=True, env=here
    )
    found: Planned = json.loads(said.stdout)
    return found


def off_by(one: float, other: float) -> float:
    """How many times the larger is the smaller; 1 is equal."""
    return max(one, other) / max(min(one, other), 1e-9)


def _time(planned: Planned, run: Steps) -> Row:
    told = float(str(planned["seconds"]))
    spent = sum(step["wall"] for step in run.values())
    cpu = sum(step["cpu"] for step in run.values())
    note = ", ".join(f"{name} {step['wall']:.0f} s" for name, step in run.items())
    return _off("time", "s", told, spent, note, cpu)


def _room(planned: Planned, run: Steps, left: float) -> list[Row]:
    memory = max(step["peak_bytes"] for step in run.values()) / 2**30
    disk = (left + sum(step["disk_bytes"] for step in run.values())) / 2**30
    told = [float(str(planned[name])) / 2**30 for name in ("memory_bytes", "disk_bytes")]
    return [_off("memory", "GiB", told[0], memory), _off("disk", "GiB", told[1], disk)]


def _off(
    what: str, unit: str, told: float, spent: float, note: str = "", cpu: float | None = None
) -> Row:
    ratio = off_by(told, spent)
    return Row(
        f"denguard plan {PROFILE}: {what} told before the run",
        unit,
        told,
        spent,
        "the run that follows",
        ratio,
        ratio,
        ratio,
        "the larger / the smaller",
        FURTHEST,
        "at most",
        rival_cpu=cpu,
        note=note,
    )


def _measuring(planned: Planned) -> Row:
    probes = planned["probes"]
    seconds = float(probes["seconds"]) if isinstance(probes, dict) else 0.0
    return Row(
        f"denguard plan {PROFILE}: measuring", "s", seconds, goal=MOST_SECONDS, goal_is="at most"
    )
