"""What a week costs beside the first version: nothing new, and one new week with ten new scenes.

Both versions get the same two drops and the `ci` profile that each ships (the same units, label
rule and years), and run their steps as their DAGs do (week_steps.py), without Airflow's own work,
which is the same for both. The first version is taken from this repository's history and runs on
the same libraries: its lock names the same versions of them.

One round: a first run cannot be repeated without minutes of embedding.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from benchmarks.speed.row import Row, timed_row
from benchmarks.speed.side_by_side import Took, wait_until_quiet

FIRST_VERSION = "b6b6008"
_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 600.0  # at most, for one run
# (received, last week, first and last month with scenes as year * 12 + month - 1)
_BEFORE = (date(2018, 11, 27), "2018-w47", 2013 * 12, 2018 * 12 + 9)
_WEEK = (date(2018, 12, 4), "2018-w48", 2018 * 12 + 10, 2018 * 12 + 10)


@dataclass(frozen=True)
class Version:
    """Sources of one version, and the home that its runs are made in."""

    sources: Path
    home: Path

    def run(self, run_id: str) -> Took:
        """One run of all steps.

        Raises:
            SystemExit: a step failed.
        """
        wait_until_quiet()
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore",
                str(_ROOT / "benchmarks/speed/week_steps.py"),
                run_id,
                "ci",
            ],
            env=self._environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"run {run_id} of {self.sources}:\n{done.stderr[-3000:]}")
        took: Mapping[str, float] = json.loads(done.stdout.splitlines()[-1])
        return Took(took["wall"], took["cpu"])

    def receive(self, drop: Path) -> None:
        """Let a drop have arrived."""
        shutil.copytree(drop, self.home / "data" / "drops" / drop.name)

    def _environment(self) -> dict[str, str]:
        """As the services of one machine set it for their tasks."""
        others = ("AIRFLOW", "MLFLOW_", "DENGUARD_")
        threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(others)},
            **dict.fromkeys(threads, "1"),
            "DENGUARD_HOME": str(self.home),
            "PYTHONPATH": str(self.sources),
            "GX_ANALYTICS_ENABLED": "false",
            "DVC_NO_ANALYTICS": "1",
            "HF_HUB_OFFLINE": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }


def rows() -> list[Row]:
    """An unchanged run, and a new week against the first version's first run."""
    with tempfile.TemporaryDirectory(prefix="denguard-week-") as work:
        folder = Path(work)
        before, week = (make_drop_of(folder / "drops", *one) for one in (_BEFORE, _WEEK))
        theirs, ours = _versions(folder)
        for version in (theirs, ours):
            version.receive(before)
        their_first, our_first = theirs.run("first"), ours.run("first")
        their_again, our_again = theirs.run("again"), ours.run("again")
        ours.receive(week)
        our_week = ours.run("week")
    size = "1,121 municipalities, 700 scenes, 4 test years"
    named = f"the first version ({FIRST_VERSION})"
    compared = partial(timed_row, slower=True, goal_is="at most", note="one round; " + _NOTE)
    return [
        compared(
            f"an unchanged run: {size}", [our_again], [their_again], rival_is=named, goal=1 / 3
        ),
        compared(
            f"one new week and ten new scenes: {size}",
            [our_week],
            [their_first],
            rival_is=f"{named}, its first run",
            goal=0.35,
        ),
        compared(f"a first run: {size}", [our_first], [their_first], rival_is=named),
    ]


_NOTE = (
    "steps as children of a process that has loaded what the version loads before; Airflow's own "
    "work is in neither"
)


def make_drop_of(folder: Path, received: date, until: str, first: int, last: int) -> Path:
    """A drop of the sample's table up to a week, with synthetic scenes of some months."""
    from pipelines.config import load_profile
    from pipelines.data.drop_info import DropInfo
    from pipelines.data.drops import make_drop
    from pipelines.data.sources import context_of
    from pipelines.data.sources.sample import package_table
    from pipelines.data.sources.satellitebench import bring
    from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
    from pipelines.data.sources.synthetic_scenes import render_scenes

    table, context = package_table(), context_of(load_profile("sample"))
    info = DropInfo(received_date=received, scene_period="month", synthetic_scenes=True)
    with tempfile.TemporaryDirectory() as images:
        render_scenes(table, TEN_MUNICIPALITIES, first, last, Path(images))
        into = partial(bring, [table], context=context)
        return make_drop(into, Path(images), folder, info, until)


def sources_of(commit: str, folder: Path) -> Path:
    """The files of a commit, in a new folder.

    Raises:
        SystemExit: the repository's history does not hold it.
    """
    taken = subprocess.run(
        [shutil.which("git") or "git", "-C", str(_ROOT), "archive", commit],
        capture_output=True,
        timeout=60,
        check=False,
    )
    if taken.returncode:
        raise SystemExit(
            f"{commit} is not in this repository's history: fetch all of it, then run this again"
        )
    with tarfile.open(fileobj=io.BytesIO(taken.stdout)) as sources:
        sources.extractall(folder, filter="data")
    return folder


def _versions(folder: Path) -> tuple[Version, Version]:
    """The first version and ours, each with a home of its own."""
    first = sources_of(FIRST_VERSION, folder / "first")
    theirs, ours = Version(first, folder / "theirs"), Version(_ROOT, folder / "ours")
    theirs.home.mkdir()
    ours.home.mkdir()
    return theirs, ours


if __name__ == "__main__":
    for row in rows():
        sys.stdout.write(json.dumps(row.to_json(), indent=1) + "\n")
