"""Jobs side by side: results in order, one error ends all, nothing is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from contextvars import ContextVar
from functools import partial

import pytest

from pipelines.errors import ConfigError
from pipelines.run.cores import CORES, Stopped, cores, each_on_a_core, go_on

_WAIT_S = 60.0

# Jobs that never end by themselves, until Ctrl-C comes.
_ENDLESS = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell has it ignored
from pipelines.run.cores import each_on_a_core, go_on
def job():
    os.write(1, b"runs\\n")
    while True:
        time.sleep(0.01)
        go_on()
each_on_a_core([job, job])
"""


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORES, "2")


def test_results_have_the_order_of_the_jobs_whichever_ends_first() -> None:
    second = threading.Event()

    def slow() -> str:
        assert second.wait(_WAIT_S)
        return "slow"

    def quick() -> str:
        second.set()
        return "quick"

    assert each_on_a_core([slow, quick]) == ["slow", "quick"]


def test_with_one_core_jobs_run_one_after_another_in_the_thread_that_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CORES, "1")
    assert each_on_a_core([threading.get_ident] * 3) == [threading.get_ident()] * 3


def test_jobs_of_a_job_run_in_its_own_thread() -> None:
    inner = partial(each_on_a_core, [threading.get_ident] * 2)
    for own in each_on_a_core([inner, inner]):
        assert own[0] == own[1] != threading.get_ident()


def test_a_job_knows_what_the_thread_that_asks_knew() -> None:
    known: ContextVar[str] = ContextVar("known")
    known.set("step 5")
    assert each_on_a_core([known.get] * 2) == ["step 5"] * 2


def test_an_error_ends_the_job_beside_it_and_those_that_have_not_begun() -> None:
    begun: list[str] = []
    runs = threading.Event()

    def endless() -> None:
        runs.set()
        try:
            while True:
                go_on()
        except Stopped:
            begun.append("stopped")
            raise

    def fails() -> None:
        assert runs.wait(_WAIT_S)
        raise ValueError("the second job")

    with pytest.raises(ValueError, match="the second job"):
        each_on_a_core([endless, fails, partial(begun.append, "third"), endless])
    assert begun.count("stopped") <= 2 and "stopped" in begun


def test_outside_of_jobs_nothing_stops() -> None:
    go_on()


def test_ctrl_c_ends_jobs_that_would_never_end() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "runs\n"
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=_WAIT_S)
        finally:
            process.kill()
    assert process.returncode != 0
    assert said.rstrip().endswith("KeyboardInterrupt")


def test_the_cores_are_those_that_the_process_may_use_unless_a_number_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert cores() == 2
    monkeypatch.delenv(CORES)
    assert cores() >= 1


@pytest.mark.parametrize("said", ["0", "-1", "two", "1.5"])
def test_a_number_of_cores_that_is_none_is_an_error(
    said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CORES, said)
    with pytest.raises(ConfigError, match="no number of cores"):
        cores()
