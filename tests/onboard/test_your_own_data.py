"""docs/your-own-data.md: its commands are executed, in an empty folder, with the table that it
shows how to make.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from pipelines.cli import app

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "your-own-data.md").read_text(encoding="utf-8")
COMMANDS = [
    c
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for c in re.findall(r"^\$ (.+)$", block, re.M)
]
RUNS = [c for c in COMMANDS if " run --profile " in c or " status first" in c]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder with the page's invented files."""
    (script,) = re.findall(r"<!-- file: invent.py -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "invent.py").write_text(script, encoding="utf-8")
    subprocess.run([sys.executable, "invent.py"], cwd=tmp_path, check=True, timeout=60)
    return tmp_path


def entered(command: str, folder: Path) -> str:
    """A command of the page, as a person in that folder enters it; it must succeed. Its data are
    of 2024, which `status` says by its exit code."""
    program, *rest = shlex.split(command)
    assert program == "denguard"
    env = {
        k: v for k, v in os.environ.items() if not k.startswith(("DENGUARD_", "MLFLOW_TRACKING"))
    }
    env["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *rest],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=280,
        stdin=subprocess.DEVNULL,
    )
    wanted = 1 if rest[0] == "status" else 0
    assert done.returncode == wanted, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def entered_here(command: str, folder: Path) -> str:
    """The same in this process, which has loaded what each command would load anew."""
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("DENGUARD_", "MLFLOW_TRACKING"))
    }
    with mock.patch.dict(os.environ, clean, clear=True), contextlib.chdir(folder):
        done = CliRunner().invoke(app, shlex.split(command)[1:])
    assert done.exit_code == 0, f"{command}\n{done.output}\n{done.exception}"
    return done.output


def test_the_page_without_its_runs(folder):
    outputs = {c: entered_here(c, folder) for c in COMMANDS if c not in RUNS}
    first = outputs[COMMANDS[0]]
    assert "now run: denguard run --profile districts --run-id first" in first
    assert first.splitlines()[-1].removeprefix("now run: ") in COMMANDS
    profile = yaml.safe_load((folder / "profiles" / "districts.yaml").read_text(encoding="utf-8"))
    assert profile["place"] == {"week": {"numbering": "iso"}}
    assert sorted(p.name for p in (folder / "data" / "drops").iterdir()) == [
        "2024-11-04",
        "2024-11-11",
    ]
    assert (folder / "lines" / "city" / "data" / "drops" / "2024-11-04" / "cases.csv").is_file()
    city = yaml.safe_load((folder / "profiles" / "city.yaml").read_text(encoding="utf-8"))
    assert city["schedule"] == "0 7 * * 1"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_page(folder):
    outputs = {c: entered(c, folder) for c in COMMANDS}
    assert "finished" in outputs["denguard status first"]
    newest = [
        pd.read_csv(f) for f in sorted((folder / "artifacts" / "forecasts").glob("*/forecast.csv"))
    ]
    assert len(newest) == 2
    assert (folder / "artifacts" / "reports" / "second" / "report.html").is_file()


def test_the_page_says_what_the_command_can_do():
    helped = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "onboard", "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    flags = set(
        re.findall(
            r"--[a-z-]+",
            " ".join(c for c in re.findall(r"`(denguard onboard [^`]+|--[^`]+)`", PAGE)),
        )
    )
    assert len(flags) > 5
    assert [f for f in flags - {"--line"} if f not in helped] == []


def test_the_readme_points_to_the_page():
    assert "docs/your-own-data.md" in (ROOT / "README.md").read_text(encoding="utf-8")
