"""Processes that outlive the command that started them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipelines.local import processes
from pipelines.local.processes import COMPONENT, MARKER, Recorded

SLEEPS = "import time; time.sleep(60)"
# A parent like Airflow's scheduler: its child has a process group of its own.
PARENT = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], start_new_session=True)
print("ready", flush=True)
time.sleep(60)
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', "
    "flush=True); time.sleep(60)"
)


class Field:
    """A marker of our own, and a way to start things under it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.marker, self.log = folder, str(folder), folder / "log"

    def start(self, code: str, component: str = "part") -> Recorded:
        env = {**os.environ, MARKER: self.marker, COMPONENT: component}
        return processes.start([sys.executable, "-c", code], env, self.log, self.folder)

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 60
        while b"ready" not in self.log.read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    made = Field(tmp_path)
    yield made
    for process in processes.marked(made.marker):
        process.kill()


def test_a_stopped_process_leaves_nothing(field: Field) -> None:
    recorded = field.start(SLEEPS)
    assert processes.is_alive(recorded)
    assert processes.stop([recorded], field.marker) == 1
    assert not processes.is_alive(recorded)
    assert processes.marked(field.marker) == []


def test_children_in_other_groups_are_stopped_too(field: Field) -> None:
    recorded = field.start(PARENT)
    field.wait_ready()
    assert processes.stop([recorded], field.marker) == 2
    assert processes.marked(field.marker) == []


def test_orphans_of_a_killed_parent_are_found_and_stopped(field: Field) -> None:
    recorded = field.start(PARENT)
    field.wait_ready()
    os.kill(recorded.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(recorded.pid)], timeout=60)
    assert len(processes.marked(field.marker)) == 1
    processes.stop([recorded], field.marker)
    assert processes.marked(field.marker) == []


def test_only_the_orphans_of_one_component_are_ended(field: Field) -> None:
    field.start(SLEEPS, "scheduler")
    other = field.start(SLEEPS, "endpoint")
    assert processes.end_orphans(field.marker, "scheduler") == 1
    assert processes.is_alive(other)


def test_a_process_that_ignores_term_is_killed(field: Field) -> None:
    recorded = field.start(STUBBORN)
    field.wait_ready()
    processes.stop([recorded], field.marker, timeout_s=0.5)
    assert not processes.is_alive(recorded)


def test_a_recycled_process_id_is_never_ours(field: Field) -> None:
    recorded = field.start(SLEEPS)
    recycled = Recorded(recorded.pid, recorded.create_time - 100)
    assert not processes.is_alive(recycled)
    processes.stop([recycled], "another marker")
    assert processes.is_alive(recorded)


def test_an_ended_child_that_nobody_waited_for_is_not_alive(field: Field) -> None:
    recorded = field.start("pass")
    deadline = time.monotonic() + 60
    while processes.is_alive(recorded) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not processes.is_alive(recorded)


def test_output_is_appended_to_the_log(field: Field) -> None:
    for word in ("one", "two"):
        recorded = field.start(f"print({word!r})")
        while processes.is_alive(recorded):
            time.sleep(0.05)
    assert field.log.read_text().split() == ["one", "two"]
