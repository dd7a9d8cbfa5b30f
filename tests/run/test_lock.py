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
from pipelines.config import DeploymentPaths
from pipelines.errors import BusyError, DenguardError
from pipelines.run import lock
from pipelines.run.lock import by_airflow, during, hold, holder, left_behind, release
from pipelines.storage import read_json, write_json

HOLD = """
import sys, time
from pathlib import Path
from pipelines.config import deployment_paths
from pipelines.errors import BusyError
from pipelines.run.lock import hold
run_id, seconds, diary = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3])
try:
    with hold(deployment_paths(), run_id):
        with diary.open("a") as out:
            out.write(f"in {run_id}\\n"); out.flush()
        time.sleep(seconds)
        with diary.open("a") as out:
            out.write(f"out {run_id}\\n")
except BusyError:
    sys.exit(7)
"""


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    return DeploymentPaths(home=home)


def start(paths: DeploymentPaths, run_id: str, seconds: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HOLD, run_id, str(seconds), str(paths.home / "diary")]
    return subprocess.Popen(command, env={**os.environ, "DENGUARD_HOME": str(paths.home)})


@pytest.fixture
def other(paths: DeploymentPaths) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock as run `other`."""
    process = start(paths, "other", 60)
    deadline = time.monotonic() + 30
    while not (paths.home / "diary").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield process
    process.kill()
    process.wait(10)


def test_of_eight_processes_at_once_never_two_are_inside(paths: DeploymentPaths) -> None:
    processes = [start(paths, f"run-{n}", 0.05) for n in range(8)]
    codes = [process.wait(60) for process in processes]
    assert set(codes) <= {0, 7}
    assert 0 in codes
    lines = (paths.home / "diary").read_text().split("\n")[:-1]
    assert len(lines) == 2 * codes.count(0)
    for entered, left in zip(lines[::2], lines[1::2], strict=True):
        assert (entered, left) == (f"in {entered[3:]}", f"out {entered[3:]}")


def test_a_second_run_is_told_who_is_at_work_since_when_and_what_to_do(
    paths: DeploymentPaths, other: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(BusyError) as refused, hold(paths, "mine"):
        pass
    assert "run other (by hand, process" in refused.value.what
    assert str(other.pid) in refused.value.what
    assert "since 20" in refused.value.what
    assert "--wait" in refused.value.fix


def test_the_same_run_in_two_processes_is_refused_too(
    paths: DeploymentPaths, other: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(BusyError), hold(paths, "other"):
        pass


def test_kill_minus_nine_frees_the_lock_at_once(
    paths: DeploymentPaths, other: subprocess.Popen[bytes]
) -> None:
    assert holder(paths) is not None
    os.kill(other.pid, signal.SIGKILL)
    other.wait(10)
    assert holder(paths) is None
    left = left_behind(paths)
    assert left is not None
    assert left.run_id == "other"
    with hold(paths, "mine"):
        assert (holder(paths) or left).run_id == "mine"
    assert left_behind(paths) is None


def test_a_lock_file_that_was_damaged_does_not_let_a_second_run_in(
    paths: DeploymentPaths, other: subprocess.Popen[bytes]
) -> None:
    (paths.artifacts / "locks" / "cycle.json").write_text("{")
    with pytest.raises(BusyError), hold(paths, "mine"):
        pass
    with by_airflow(), pytest.raises(BusyError), during(paths, "weekly", "start"):
        pass


def test_a_step_that_is_refused_leaves_no_run_behind(
    paths: DeploymentPaths, other: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(BusyError):
        steps.start("mine", {"profile": "ci"})
    assert not (paths.artifacts / "runs").exists()


def test_who_waits_goes_on_when_the_other_ends(
    paths: DeploymentPaths, other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_POLL_S", 0.05)
    threading.Timer(0.5, other.kill).start()
    with hold(paths, "mine", wait=True):
        assert other.wait(5) != 0


def test_a_step_called_alone_gives_the_lock_back(paths: DeploymentPaths) -> None:
    steps.start("by-hand", {"profile": "ci"})
    assert holder(paths) is None
    with pytest.raises(DenguardError):
        steps.snapshot("by-hand")
    assert holder(paths) is None


def test_steps_of_a_held_run_renew_its_lock(paths: DeploymentPaths) -> None:
    with hold(paths, "mine"):
        with during(paths, "mine", "train"):
            assert read_json(paths.artifacts / "locks" / "cycle.json")["step"] == "train"
        with pytest.raises(BusyError), during(paths, "another", "train"):
            pass
        assert holder(paths) is not None


def test_an_airflow_run_keeps_its_lock_between_steps_and_a_hand_run_is_refused(
    paths: DeploymentPaths,
) -> None:
    with by_airflow(), during(paths, "weekly", "ingest"):
        pass
    since = (holder(paths) or pytest.fail("it holds nothing")).since
    with by_airflow(), during(paths, "weekly", "train"):
        pass
    owner = holder(paths)
    assert owner is not None
    assert (owner.step, owner.since, owner.caller) == ("train", since, "airflow")
    with pytest.raises(BusyError, match="denguard release-run weekly"), hold(paths, "mine"):
        pass
    assert release(paths, "mine") is False
    assert release(paths, "weekly") is True
    with hold(paths, "mine"):
        pass


def test_airflow_follows_its_own_run_whose_end_went_unheard_but_never_a_hand(
    paths: DeploymentPaths, other: subprocess.Popen[bytes]
) -> None:
    with by_airflow(), pytest.raises(BusyError), during(paths, "weekly-2", "start"):
        pass
    other.kill()
    other.wait(10)
    for run_id in ("weekly-1", "weekly-2"):
        with by_airflow(), during(paths, run_id, "start"):
            assert (holder(paths) or pytest.fail("nobody")).run_id == run_id


def test_an_airflow_lock_that_is_silent_for_longer_than_a_task_may_take_is_free(
    paths: DeploymentPaths,
) -> None:
    with by_airflow(), during(paths, "weekly", "embed_shard_000"):
        pass
    path = paths.artifacts / "locks" / "cycle.json"
    for hours, free in ((12, False), (14, True)):
        silent = datetime.now(UTC) - timedelta(hours=hours)
        write_json(path, {**read_json(path), "touched": silent.isoformat(timespec="seconds")})
        assert (holder(paths) is None) is free
    with hold(paths, "mine"):
        pass


def test_a_living_process_is_not_robbed_of_its_lock(
    paths: DeploymentPaths, other: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(BusyError, match=f"end process {other.pid}"):
        release(paths, "other")
    assert holder(paths) is not None


def test_who_may_write_nothing_sees_who_is_at_work_by_what_is_written(
    paths: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with by_airflow(), during(paths, "weekly", "ingest"):
        pass

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(lock, "guarded", refuse)
    monkeypatch.setattr(os, "access", lambda *_: False)
    owner, now = holder(paths), datetime.now(UTC)
    assert owner is not None and owner.run_id == "weekly"
    assert holder(paths, now + lock.SILENT_AFTER + timedelta(minutes=1)) is None
