"""How far a step is, for a log and for whoever asks from outside."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.config import DeploymentPaths
from pipelines.run.events import read_events
from pipelines.run.progress import Progress, bound, handed_on, spell

COUNT_TEN = """
from pipelines.run.progress import Progress, inherited
with inherited():
    progress = Progress("scenes embedded", 10)
    for _ in range(10):
        progress.advance()
"""


def test_a_line_tells_done_left_share_and_time() -> None:
    progress = Progress("scenes embedded", 400)
    progress.advance(120)
    words = "scenes embedded: 120/400 (30%), 280 left, ETA 42 s"
    assert progress.line(elapsed_s=18.0) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(41.4, "41 s"), (720.0, "12 min"), (12_600.0, "3.5 h")]
)
def test_a_span_is_worded_as_people_say_it(seconds: float, words: str) -> None:
    assert spell(seconds) == words


def test_the_first_and_the_last_item_are_always_told(caplog: pytest.LogCaptureFixture) -> None:
    progress = Progress("heads trained", 5, every_s=3600.0)
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            progress.advance()
    assert [line.message.split(" (")[0] for line in caplog.records] == [
        "heads trained: 1/5",
        "heads trained: 5/5",
    ]


def test_an_encoders_own_process_writes_the_waiting_steps_progress(tmp_path: Path) -> None:
    with bound(DeploymentPaths(home=tmp_path), "weekly", "embed_shard_000"):
        environment = {**os.environ, **handed_on()}
    subprocess.run([sys.executable, "-c", COUNT_TEN], env=environment, check=True, timeout=60)
    written = list(read_events(DeploymentPaths(home=tmp_path), "step-progress", run_id="weekly"))
    assert [line["done"] for line in written] == [1, 10], "the first and the last, and no flood"
    assert {(line["step"], line["total"]) for line in written} == {("embed_shard_000", 10)}


def test_a_process_that_nobody_waits_for_writes_none(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", COUNT_TEN],
        cwd=tmp_path,
        env={**os.environ, **handed_on()},
        check=True,
        timeout=60,
    )
    assert list(tmp_path.iterdir()) == []
