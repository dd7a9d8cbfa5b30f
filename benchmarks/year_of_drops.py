"""A home of 45 municipalities that a weekly drop and a run are brought to, and what a run costs."""

from __future__ import annotations

import os
import shutil
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

UNITS, LAST, PROFILE = 45, CDC.week_no("2018-w52"), "year"


@dataclass(frozen=True)
class Cost:
    """Of one run with all of its processes.

    Attributes:
        calls: millions of calls of functions in the main threads of its Python processes; 0 = not
            counted.
    """

    cpu_s: float
    calls: float
    peak_mb: float

    def words(self) -> str:
        """For people."""
        calls = f"{self.calls:8.3f} million calls" if self.calls else "calls not counted"
        return f"{self.cpu_s:6.1f} s CPU  {calls}  {self.peak_mb:6.0f} MB peak"


@dataclass(frozen=True)
class Year:
    """A folder with a home, which always stands at one path, and copies of it.

    MLflow writes whole paths down: a home that was moved would fetch its champion from the old
        place.
    """

    folder: Path

    @property
    def home(self) -> Path:
        """Where the home stands when it is used."""
        return self.folder / "home"

    def begin(self) -> None:
        """An empty home with the profile."""
        shutil.rmtree(self.home, ignore_errors=True)
        text = (resources.files("pipelines") / "conf" / "ci.yaml").read_text(encoding="utf-8")
        profile = yaml.safe_load(text)
        profile["profile"] = PROFILE
        profile["data"]["text_window"]["municipalities"] = []
        profile["train"]["heads"] = ["linear"]
        (self.home / "profiles").mkdir(parents=True)
        (self.home / "profiles" / f"{PROFILE}.yaml").write_text(
            yaml.safe_dump(profile), encoding="utf-8"
        )

    def drop(self, week: int) -> Path:
        """The whole table so far, as the sample's ministry sends it."""
        sheet = pd.read_csv(str(package_table()), dtype=str, keep_default_na=False).head(UNITS)
        table = self.home / "metadata.csv"
        sheet.to_csv(table, index=False)
        info = DropInfo(received_date=CDC.week_end(week) + timedelta(days=2), scene_period="month")
        context = context_of(load_profile("sample"))
        return make_drop(
            lambda to, i, u: bring([table], to, i, u, context),
            None,
            self.home / "data" / "drops",
            info,
            CDC.week_label(week),
        )

    def run(self, week: int, count: bool = False) -> Cost:
        """One run of the whole cycle, a process of its own.

        Args:
            count: count calls as well, which makes it slower by about a half.
        """
        command = self._denguard(
            "run",
            "--profile",
            PROFILE,
            "--horizon",
            "4",
            "--run-id",
            f"week-{CDC.week_label(week)}",
        )
        with tempfile.TemporaryDirectory() as counts:
            environment = {**self._environment(), **(_counting(counts) if count else {})}
            process = subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            said, status, used = process.stdout.read(), *os.wait4(process.pid, 0)[1:]  # type: ignore[union-attr]
            calls = sum(int(path.read_text()) for path in Path(counts).glob("*.txt")) / 1e6
        if os.waitstatus_to_exitcode(status):
            raise SystemExit(said[-3000:])
        return Cost(used.ru_utime + used.ru_stime, calls, used.ru_maxrss / 1024)

    def say(self, *words: str) -> str:
        """What a command of denguard prints. Ends the program if it fails."""
        done = subprocess.run(
            self._denguard(*words),
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"denguard {' '.join(words)}:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def keep(self, name: str) -> None:
        """Copy the home as it is."""
        _copy(self.home, self.folder / "kept" / name)

    def put_back(self, name: str) -> None:
        """Let a copy stand where the home is used."""
        _copy(self.folder / "kept" / name, self.home)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "DENGUARD_HOME": str(self.home), "PYTHONHASHSEED": "0"}

    def _denguard(self, *words: str) -> list[str]:
        return [sys.executable, "-W", "ignore", "-m", "pipelines.cli", *words]


def _copy(what: Path, to: Path) -> None:
    """With its times and hard links, which a copy by Python would make files of their own."""
    shutil.rmtree(to, ignore_errors=True)
    to.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["/bin/cp", "-a", str(what), str(to)], check=True)


def _counting(counts: str) -> dict[str, str]:
    here = str(Path(__file__).resolve().parent / "counting")
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"DENGUARD_COUNT_CALLS": counts, "PYTHONPATH": os.pathsep.join(paths)}


def size_mb(folder: Path) -> float:
    """What lies on the disk, hard links once."""
    files = {
        (s.st_dev, s.st_ino): s.st_blocks * 512
        for p in folder.rglob("*")
        if p.is_file()
        for s in [p.stat()]
    }
    return sum(files.values()) / 1e6


def say(line: str) -> None:
    """Print it at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
