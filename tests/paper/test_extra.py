"""The study and the downloads with the distributions of their own extra and no other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from support.narrowed import NARROWED

ROOT = Path(__file__).parents[2]
IMPORT_ALL = """
import importlib, pkgutil
for hidden in ("airflow", "dvc", "fastapi", "great_expectations", "mlflow"):
    assert util.find_spec(hidden) is None, hidden
for name in ("pipelines.cli", "pipelines.fetch", "pipelines.paper"):
    room = importlib.import_module(name)
    for module in pkgutil.walk_packages(room.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
from pipelines.cli import main
main()
"""
FETCH = "fetch ham10000 --to data"
REPRODUCE = "reproduce --dataset folder --protocol safe --data data --out out"


def python(program: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(
        command, cwd=ROOT, input=given, capture_output=True, text=True, timeout=200
    )


def test_they_need_nothing_of_the_weekly_cycle() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    mine = [n.partition("==")[0] for n in lines if "study" in n.rpartition(" # ")[2].split()]
    names = ["denguard", *map(canonicalize_name, mine)]
    done = python(NARROWED + IMPORT_ALL, given=json.dumps(names))
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(("line", "library"), [(FETCH, "httpx"), (REPRODUCE, "matplotlib")])
def test_a_command_says_what_to_install_when_a_library_is_missing(
    line: str, library: str, home: Path
) -> None:
    done = python(WITHOUT, library, *line.split())
    assert done.returncode == 2, done.stderr
    error = " ".join(done.stderr.split())
    assert f"not installed: {library}" in error and "denguard[study]" in error
    assert "Traceback" not in error
