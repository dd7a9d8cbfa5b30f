"""A year of weekly drops on 45 municipalities: what a run costs when it is the first and the 52nd.

    python benchmarks/weekly_drops.py [--weeks 52] [--home FOLDER]

Each week brings a drop (the whole table so far, as the sample's ministry sends it) and one run of the
whole cycle, a process of its own. Beside the last run stands one run on a single drop of the same
content. Prints for each run its CPU seconds, peak memory of its processes and bytes on disk, then the
ratios. Nothing else may run meanwhile. Does not belong here: whether the results are right (tests).
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pandas as pd
import yaml

from pipelines.config import load_profile
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import make_drop
from pipelines.data.sources import context_of
from pipelines.data.sources.sample import package_table
from pipelines.data.sources.satellitebench import bring
from pipelines.weeks import CDC

UNITS, LAST = 45, "2018-w52"


@dataclass(frozen=True)
class Cost:
    """Of one run."""

    cpu_s: float
    peak_mb: float
    disk_mb: float


def main() -> None:
    """Walk the year and print it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--weeks", type=int, default=52)
    asked.add_argument("--home", type=Path, help="keep the deployment here")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as work:
        home = given.home or Path(work) / "year"
        costs = _year(home, given.weeks)
        single = _year(Path(work) / "single", 1)
    _print(costs, single[-1])


def _year(home: Path, weeks: int) -> list[Cost]:
    """The newest `weeks` weeks, a drop and a run each."""
    _profile(home)
    last, out = CDC.week_no(LAST), []
    for week in range(last - weeks + 1, last + 1):
        _drop(home, week)
        out.append(_run(home, f"week-{CDC.week_label(week)}"))
        _say(f"{CDC.week_label(week)}  {_words(out[-1])}")
    return out


def _profile(home: Path) -> None:
    text = (resources.files("pipelines") / "conf" / "ci.yaml").read_text(encoding="utf-8")
    profile = yaml.safe_load(text)
    profile["profile"] = "year"
    profile["data"]["text_window"]["municipalities"] = []
    profile["train"]["heads"] = ["linear"]
    (home / "profiles").mkdir(parents=True, exist_ok=True)
    (home / "profiles" / "year.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")


def _drop(home: Path, week: int) -> None:
    sheet = pd.read_csv(str(package_table()), dtype=str, keep_default_na=False).head(UNITS)
    table = home / "metadata.csv"
    sheet.to_csv(table, index=False)
    info = DropInfo(received_date=CDC.week_end(week) + timedelta(days=2), scene_period="month")
    context = context_of(load_profile("sample"))
    make_drop(lambda to, i, u: bring([table], to, i, u, context), None, home / "data" / "drops", info, CDC.week_label(week))  # fmt: skip


def _run(home: Path, run_id: str) -> Cost:
    environment = {**os.environ, "DENGUARD_HOME": str(home)}
    command = [sys.executable, "-W", "ignore", "-m", "pipelines.cli", "run", "--profile", "year", "--horizon", "4", "--run-id", run_id]  # fmt: skip
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    said, status, used = process.stdout.read(), *os.wait4(process.pid, 0)[1:]  # type: ignore[union-attr]
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(said[-3000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return Cost(cpu, used.ru_maxrss / 1024, _bytes(home / "artifacts") / 1e6)


def _bytes(folder: Path) -> int:
    """What lies on the disk, hard links once."""
    files = {(s.st_dev, s.st_ino): s.st_blocks * 512 for p in folder.rglob("*") if p.is_file() for s in [p.stat()]}  # fmt: skip
    return sum(files.values())


def _print(costs: list[Cost], single: Cost) -> None:
    last, grown = costs[-1], (costs[-1].disk_mb - costs[0].disk_mb) / max(len(costs) - 1, 1)
    late = costs[39:52] if len(costs) >= 52 else costs[-2:]
    _say(f"single drop  {_words(single)}")
    _say(f"last run / single drop: CPU {last.cpu_s / single.cpu_s:.3f}, memory {last.peak_mb / single.peak_mb:.3f}")  # fmt: skip
    _say(f"late runs, most / least: CPU {max(c.cpu_s for c in late) / min(c.cpu_s for c in late):.3f}, memory {max(c.peak_mb for c in late) / min(c.peak_mb for c in late):.3f}")  # fmt: skip
    _say(f"disk a week: {grown:.2f} MB")


def _words(cost: Cost) -> str:
    return f"{cost.cpu_s:6.1f} s CPU  {cost.peak_mb:6.0f} MB peak  {cost.disk_mb:7.1f} MB on disk"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
