"""One run at a time, whoever starts the second, and no deadlock whatever ends the first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines import steps
from pipelines.config import Places
from pipelines.errors import BusyError, DenguardError
from pipelines.run import lock
from pipelines.run.lock import by_airflow, during, hold, holder, left_behind, release
from pipelines.storage import read_json, write_json

HOLD = """
import sys, time
from pathlib import Path
from pipelines.config import places
from pipelines.errors import BusyError
from pipelines.run.lock import hold
run_id, seconds, diary = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
try:
    with hold(places(), run_id):
        with diary.open("a") as out:
            out.write(f"in {run_id}\\n"); out.flush()
        time.sleep(seconds)
        with diary.open("a") as out:
            out.write(f"out {run_id}\\n")
except BusyError:
    sys.exit(7)
"""


@pytest.fixture
def where(home: Path) -> Places:
    return Places(home=home)


def start(where: Places, run_id: str, seconds: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HOLD, run_id, str(seconds), str(where.home / "diary")]
    return subprocess.Popen(command, env={**os.environ, "DENGUARD_HOME": str(where.home)})


@pytest.fixture
def other(where: Places) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock as run `other`."""
    process = start(where, "other", 60)
    deadline = time.monotonic() + 30
    while not (where.home / "diary").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait(10)


def test_of_eight_processes_at_once_never_two_are_inside(where: Places) -> None:
    processes = [start(where, f"run-{n}", 0.05) for n in range(8)]
    codes = [process.wait(60) for process in processes]
    assert set(codes) <= {0, 7}
    assert 0 in codes
    lines = (where.home / "diary").read_text().split("\n")[:-1]
    assert len(lines) == 2 * codes.count(0)
    for entered, left in zip(lines[::2], lines[1::2], strict=True):
        assert (entered, left) == (f"in {entered[3:]}", f"out {entered[3:]}")


def test_a_second_run_is_told_who_is_at_work_since_when_and_what_to_do(
    where: Places, other: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(BusyError) as refused, hold(where, "mine"):
        pass
    assert "run other (by hand, process" in refused.value.what
    assert str(other.pid) in refused.value.what
    assert "since 20" in refused.value.what
    assert "--wait" in refused.value.fix


def test_the_same_run_in_two_processes_is_refused_too(
    where: Places, other: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(BusyError), hold(where, "other"):
        pass


def test_kill_minus_nine_frees_the_lock_at_once(
    where: Places, other: subprocess.Popen[bytes]
) -> None:
    assert holder(where) is not None
    os.kill(other.pid, signal.SIGKILL)
    other.wait(10)
    assert holder(where) is None
    left = left_behind(where)
    assert left is not None
    assert left.run_id == "other"
    with hold(where, "mine"):
        assert (holder(where) or left).run_id == "mine"
    assert left_behind(where) is None


def test_a_lock_file_that_was_damaged_does_not_let_a_second_run_in(
    where: Places, other: subprocess.Popen[bytes]
) -> None:
    (where.artifacts / "locks" / "cycle.json").write_text("{")
    with pytest.raises(BusyError), hold(where, "mine"):
        pass
    with by_airflow(), pytest.raises(BusyError), during(where, "weekly", "start"):
        pass


def test_a_step_that_is_refused_leaves_no_run_behind(
    where: Places, other: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(BusyError):
        steps.start("mine", {"profile": "ci"})
    assert not (where.artifacts / "runs").exists()


def test_who_waits_goes_on_when_the_other_ends(
    where: Places, other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_POLL_S", 0.05)
    threading.Timer(0.5, other.kill).start()
    with hold(where, "mine", wait=True):
        assert other.wait(5) != 0


def test_a_step_called_alone_gives_the_lock_back(where: Places) -> None:
    steps.start("by-hand", {"profile": "ci"})
    assert holder(where) is None
    with pytest.raises(DenguardError):
        steps.snapshot("by-hand")
    assert holder(where) is None


def test_steps_of_a_held_run_renew_its_lock(where: Places) -> None:
    with hold(where, "mine"):
        with during(where, "mine", "train"):
            assert read_json(where.artifacts / "locks" / "cycle.json")["step"] == "train"
        with pytest.raises(BusyError), during(where, "another", "train"):
            pass
        assert holder(where) is not None


def test_an_airflow_run_keeps_its_lock_between_steps_and_a_hand_run_is_refused(
    where: Places,
) -> None:
    with by_airflow(), during(where, "weekly", "ingest"):
        pass
    since = (holder(where) or pytest.fail("it holds nothing")).since
    with by_airflow(), during(where, "weekly", "train"):
        pass
    owner = holder(where)
    assert owner is not None
    assert (owner.step, owner.since, owner.caller) == ("train", since, "airflow")
    with pytest.raises(BusyError, match="denguard release-run weekly"), hold(where, "mine"):
        pass
    assert release(where, "mine") is False
    assert release(where, "weekly") is True
    with hold(where, "mine"):
        pass


def test_airflow_follows_its_own_run_whose_end_went_unheard_but_never_a_hand(
    where: Places, other: subprocess.Popen[bytes]
) -> None:
    with by_airflow(), pytest.raises(BusyError), during(where, "weekly-2", "start"):
        pass
    other.kill()
    other.wait(10)
    for run_id in ("weekly-1", "weekly-2"):
        with by_airflow(), during(where, run_id, "start"):
            assert (holder(where) or pytest.fail("nobody")).run_id == run_id


def test_an_airflow_lock_that_is_silent_for_longer_than_a_task_may_take_is_free(
    where: Places,
) -> None:
    with by_airflow(), during(where, "weekly", "embed_shard_000"):
        pass
    path = where.artifacts / "locks" / "cycle.json"
    for hours, free in ((12, False), (14, True)):
        silent = datetime.now(UTC) - timedelta(hours=hours)
        write_json(path, {**read_json(path), "touched": silent.isoformat(timespec="seconds")})
        assert (holder(where) is None) is free
    with hold(where, "mine"):
        pass


def test_a_living_process_is_not_robbed_of_its_lock(
    where: Places, other: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(BusyError, match=f"end process {other.pid}"):
        release(where, "other")
    assert holder(where) is not None
