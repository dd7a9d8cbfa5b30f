"""A deployment of a test, the command that works in it, and next week's drop."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

from typer.testing import CliRunner

from pipelines.cli import app, in_lines
from pipelines.data.drop_info import DropInfo
from pipelines.data.sources.sample import package_table
from pipelines.data.sources.synthetic_scenes import render_scene, write_tiff
from pipelines.errors import DenguardError
from pipelines.storage import manifest_of, read_json
from support.drops import table_drop

_CYCLE = ("run", "--profile", "ci", "--horizon", "4", "--run-id")
REVISED_UNIT, REVISED_WEEK = "5001", "2018/w45"


@dataclass(frozen=True)
class Home:
    """A deployment folder and the command that works in it."""

    path: Path

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "DENGUARD_HOME": str(self.path), **extra}
        environment.pop("MLFLOW_TRACKING_URI", None)
        command = [sys.executable, "-W", "ignore", "-m", "pipelines.cli", *arguments]
        return subprocess.Popen(
            command,
            env=environment,
            text=True,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def denguard(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=600)
        return process.returncode, output

    def tried_here(self, *arguments: str) -> tuple[int, str]:
        """As `denguard`, in this process: it has loaded what a new one would spend ten seconds on.
        For runs that need no process of their own."""
        with mock.patch.dict(os.environ, DENGUARD_HOME=str(self.path)):
            os.environ.pop("MLFLOW_TRACKING_URI", None)
            done = CliRunner().invoke(app, list(arguments))
        if isinstance(done.exception, DenguardError):  # as pipelines.cli.main ends
            return 2, done.output + in_lines(done.exception)
        return done.exit_code, f"{done.output}{done.exception or ''}"

    def denguard_here(self, *arguments: str) -> str:
        """A command that must succeed, in this process."""
        code, output = self.tried_here(*arguments)
        assert code == 0, output[-3000:]
        return output

    def run_cycle(self, run_id: str) -> None:
        code, output = self.denguard(*_CYCLE, run_id)
        assert code == 0, output[-3000:]

    def run_cycle_here(self, run_id: str) -> None:
        """The same run in this process."""
        self.denguard_here(*_CYCLE, run_id)

    def output(self, run_id: str, step: str) -> dict[str, Any]:
        return read_json(self.path / "artifacts" / "runs" / run_id / f"{step}.json")

    def output_of(self, folder: str, file: str) -> dict[str, Any]:
        """JSON of an artifact that an output names."""
        return read_json(self.path / folder / file)

    def store(self) -> dict[str, str]:
        """File -> hash of every stored vector shard."""
        folder = self.path / "artifacts" / "embeddings" / "store"
        return {name: sha for name, sha in manifest_of(folder).items() if name.endswith(".parquet")}

    def champion_bundle(self) -> dict[str, str]:
        """File -> hash of the bundle that the registry's champion names."""
        from pipelines.config import DeploymentPaths
        from pipelines.registry.lookup import fetch_bundle, lookup

        paths = DeploymentPaths(home=self.path)
        champion = lookup("champion", paths)
        assert champion is not None
        return manifest_of(fetch_bundle(champion.version, paths=paths))

    def kill_when(self, process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
        """kill -9 the command and its children as soon as something is seen to be under way."""
        deadline = time.monotonic() + 240
        while not reached():
            assert process.poll() is None, f"it ended before it was killed: {process.communicate()}"
            assert time.monotonic() < deadline, "what should be interrupted never began"
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL


def next_drop(drops: Path, work: Path) -> Path:
    """The drop of 2019-01-02: four more weeks, one revised past count, one new scene."""
    with package_table().open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    row = next(r for r in rows if r[0] == REVISED_UNIT)
    for column in (REVISED_WEEK, "Cases2018"):  # the year's total goes with it, or both are doubted
        at = rows[0].index(column)
        row[at] = str(int(row[at]) + 5)
    table = work / "metadata.csv"
    with table.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)
    scene = work / "images" / REVISED_UNIT / "image_2018-12-16.tiff"
    scene.parent.mkdir(parents=True)
    write_tiff(scene, render_scene("05001", 2018 * 12 + 11, {}))
    info = DropInfo(
        received_date=date(2019, 1, 2),
        scene_period="week",
        scene_latency_days=0,
        climate_latency_days=0,
        synthetic_scenes=True,
        source_note="test",
    )
    return table_drop(table, work / "images", drops, info, until="2018-w52")
