"""Writes pipelines/ops/planning/reference.yaml from first runs of two profiles on a quiet machine:
`python -m benchmarks.speed.plan_reference`. To be run again when a step has become quicker."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from benchmarks.speed.side_by_side import wait_until_quiet
from pipelines.config import DeploymentPaths, load_profile
from pipelines.data.sources.sample import make_sample_drop
from pipelines.ops.planning.estimate import REFERENCE, measured_seconds
from pipelines.ops.planning.probes import Probes, measure
from pipelines.ops.planning.work import Work, count_work
from pipelines.storage import write_atomic

PROFILES = ("ci", "sample")  # the same table; the second has twice the rows
_HEAD = "# Written by `python -m benchmarks.speed.plan_reference`; see estimate.py.\n"
_RUN_SECONDS = 900.0
Steps = Mapping[str, Mapping[str, float]]


def fitted(
    small: tuple[Work, Steps], large: tuple[Work, Steps], probes: Probes
) -> dict[str, object]:
    """Step -> seconds, memory and disk at all and for each row, from two runs: what the other
    probes measure is taken off the times. Nothing is negative."""
    made: dict[str, object] = {}
    for name in small[1]:
        less = [measured_seconds(work, probes).get(name, 0.0) for work, _ in (small, large)]
        rest = [
            max(0.0, steps[name]["wall"] - off)
            for (_, steps), off in zip((small, large), less, strict=True)
        ]
        rows = small[0].rows, large[0].rows
        one: dict[str, float] = {}
        for of, values in (
            ("seconds", rest),
            ("memory_bytes", [steps[name]["peak_bytes"] for _, steps in (small, large)]),
            ("disk_bytes", [steps[name]["disk_bytes"] for _, steps in (small, large)]),
        ):
            one |= _line(rows, values, of)
        made[name] = {key: float(f"{value:.4g}") for key, value in one.items()}
    return made


def _line(rows: tuple[int, int], values: list[float], of: str) -> dict[str, float]:
    """Through both points; level between them where the larger took less."""
    each = (values[1] - values[0]) / (rows[1] - rows[0])
    each = min(max(0.0, each), values[0] / rows[0])
    start = values[0] - each * rows[0] if each else (values[0] + values[1]) / 2
    return {of: start, f"row_{of}": each}


def run_once(profile: str, home: Path) -> Steps:
    """Steps of a first run in a process of its own."""
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "benchmarks.speed.plan_run",
        profile,
        str(home),
    ]
    said = subprocess.run(
        command, timeout=_RUN_SECONDS, check=True, stdout=subprocess.PIPE, text=True
    )
    return steps_of(said.stdout)


def steps_of(said: str) -> Steps:
    """What such a run printed."""
    lines = (json.loads(line) for line in said.splitlines() if line.startswith("{"))
    return {str(line.pop("step")): line for line in lines}


def main() -> None:
    """Measure and write."""
    runs = []
    with tempfile.TemporaryDirectory(prefix="denguard-bench-") as folder:
        drop = make_sample_drop(Path(folder) / "drops")
        heads = tuple(count_work(load_profile(PROFILES[0]), drop).batches)
        wait_until_quiet()
        paths = DeploymentPaths(home=Path(folder) / "probes")
        probes = measure(load_profile(PROFILES[0]), paths, drop, heads)
        for name in PROFILES:
            home = Path(folder) / name
            home.mkdir()
            runs.append((count_work(load_profile(name), drop), run_once(name, home)))
    record = {"pace": round(probes.pace, 3), "steps": fitted(runs[0], runs[1], probes)}
    write_atomic(REFERENCE, _HEAD + yaml.safe_dump(record, sort_keys=False))


if __name__ == "__main__":
    main()
