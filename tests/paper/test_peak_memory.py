"""Peaks of memory, each in a process of its own.

A process that has lived for a while hands out pages that are resident already, and then no peak
rises: what is measured here would be the tests that ran before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipelines.paper.cost.memory import EXACT, SAMPLED

ROOT = Path(__file__).parents[2]
MEGABYTE = 2**20
MOST, SLACK = 64 * MEGABYTE, 8 * MEGABYTE
BEFORE = f"""
import json, sys, time
from dataclasses import asdict
from pathlib import Path
import numpy as np
from pipelines.paper.cost import efficiency
from pipelines.paper.cost.efficiency import Meter
from pipelines.paper.cost.memory import SAMPLED, PeakMemory

MOST = {MOST}

class Watched(PeakMemory):
    looks = 0
    def note(self):
        super().note()
        self.looks += 1

efficiency.PeakMemory = Watched

def fill(size):
    np.ones(size, np.uint8).sum()

def hold(*meters):
    held = np.ones(MOST, np.uint8)
    sampling = [m._memory for m in meters if m._memory.method == SAMPLED]
    enough, end = [s.looks + 2 for s in sampling], time.monotonic() + 60
    while any(s.looks < n for s, n in zip(sampling, enough)):  # however busy the machine is
        assert time.monotonic() < end, "nobody looked"
        time.sleep(0.005)
    del held

def tell(*meters):
    print(json.dumps([asdict(m.usage) for m in meters]))
"""


def measured(block: str, *arguments: str) -> list[dict[str, Any]]:
    """What the meters of a block say that runs alone in a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + block, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    readings: list[dict[str, Any]] = json.loads(done.stdout)
    return readings


@cache
def exact_here() -> bool:
    (usage,) = measured("with Meter() as meter: pass\ntell(meter)")
    return bool(usage["peak_method"] == EXACT)


@pytest.fixture(params=[EXACT, SAMPLED])
def clear_refs(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a peak starts anew; a machine without it samples."""
    if request.param == SAMPLED:
        return str(tmp_path / "no" / "such" / "file")
    if not exact_here():
        pytest.skip("this kernel does not let a process lower its high-water mark")
    return "/proc/self/clear_refs"


def test_a_peak_within_the_block_is_seen_although_it_was_given_back(clear_refs: str) -> None:
    block = """
with Meter(clear_refs=Path(sys.argv[1])) as meter:
    hold(meter)
tell(meter)
"""
    (usage,) = measured(block, clear_refs)
    assert usage["peak_method"] == (EXACT if Path(clear_refs).exists() else SAMPLED)
    assert MOST - SLACK < usage["peak_above_start_bytes"] < MOST + SLACK
    assert usage["peak_rss_bytes"] > usage["peak_above_start_bytes"]


def test_a_peak_before_the_block_is_not_of_the_block(clear_refs: str) -> None:
    block = """
fill(4 * MOST)
with Meter(clear_refs=Path(sys.argv[1])) as meter:
    pass
tell(meter)
"""
    (usage,) = measured(block, clear_refs)
    assert usage["peak_above_start_bytes"] < SLACK


def test_a_system_that_takes_the_request_and_does_nothing_is_not_believed(tmp_path: Path) -> None:
    block = """
fill(4 * MOST)  # so that the mark is far above what is resident
with Meter(clear_refs=Path(sys.argv[1])) as meter:
    pass
tell(meter)
"""
    (usage,) = measured(block, str(tmp_path / "accepts"))
    assert (tmp_path / "accepts").read_text() == "5"
    assert usage["peak_method"] == SAMPLED
    assert usage["peak_above_start_bytes"] < SLACK


def test_a_meter_within_a_meter_takes_nothing_from_the_outer_one() -> None:
    block = """
with Meter() as outer:
    with Meter(clear_refs=Path("/proc/self/none")) as sampled:
        hold(outer, sampled)
    with Meter() as inner:
        fill(MOST // 8)
tell(outer, sampled, inner)
"""
    outer, sampled, inner = measured(block)
    assert outer["peak_above_start_bytes"] > MOST - SLACK
    assert sampled["peak_above_start_bytes"] > MOST - SLACK
    assert inner["peak_above_start_bytes"] < MOST // 2
