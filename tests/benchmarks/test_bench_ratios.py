"""The whole bench, run: no row may fall far below what is asked. By itself, on a quiet machine:
`pytest -m slow tests/benchmarks`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MARGIN = 0.7  # a ratio of 0.7 of what is asked is noise or another chip; less is a slow-down
ROOT = Path(__file__).parents[2]


def far_off(row: dict[str, object]) -> str:
    """What a row says that lies beyond the margin; empty for the others."""
    held = row["ours"] if row["ratio"] is None else row["ratio"]
    goal = row["goal"]
    if not isinstance(goal, int | float) or not isinstance(held, int | float):
        return ""
    reached = held / goal if row["goal_is"] == "at least" else goal / max(held, 1e-9)
    return "" if reached >= MARGIN else f"{row['work']}: {held:.3g}, {row['goal_is']} {goal:.3g}"


def test_a_ratio_far_below_its_goal_is_named() -> None:
    row = {"work": "x", "ours": 1.0, "ratio": 2.0, "goal": 4.0, "goal_is": "at least"}
    assert far_off(row) == "x: 2, at least 4"
    assert far_off({**row, "ratio": 3.0}) == ""
    assert far_off({**row, "goal": 1.0, "goal_is": "at most"}) == "x: 2, at most 1"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_work_of_the_bench_has_become_slow(tmp_path: Path) -> None:
    into = tmp_path / "latest.json"
    command = [sys.executable, "-m", "benchmarks.speed", "--into", str(into)]
    where = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}  # as `make bench`
    ran = subprocess.run(command, cwd=ROOT, env=where, capture_output=True, text=True, timeout=1100)
    if ran.returncode == 3:
        pytest.skip(ran.stdout.strip().splitlines()[-1])
    rows = json.loads(into.read_text())
    assert [said for row in rows if (said := far_off(row))] == []
